//! Stands in front of ptrace(2) in the process of a guest's kernel.
//!
//! Kernels before 6.13 keep 2,696 bytes of a program's extended registers (`HOST_FP_SIZE`, kernel:
//! arch/x86/um/user-offsets.c) and give them back with that length. A host whose processor has more, as for AMX, takes
//! all of them or none (`xstateregs_set`, kernel: arch/x86/kernel/fpu/regset.c), and the guest's first program can't be
//! started. Here what they keep is laid over what the host has, so that its length is right; of the rest no program in a
//! guest ever has anything, since the host gives it to none that hasn't asked for it (arch_prctl(2),
//! `ARCH_REQ_XCOMP_PERM`), and a guest's calls are not the host's.
#![no_std]

use core::arch::asm;
use core::ffi::{c_int, c_long, c_ulong, c_void};

const SYS_PTRACE: c_long = 101;
/// Of sys/ptrace.h and elf.h.
const PEEK: core::ops::RangeInclusive<c_int> = 1..=3;
const GET_REGISTERS: c_int = 0x4204;
const SET_REGISTERS: c_int = 0x4205;
const EXTENDED: c_ulong = 0x202;

/// More than any processor has: AMX makes it 11,008.
const ROOM: usize = 64 << 10;
/// Not on the stack, which is a kernel's of 16 KiB. One thread of these kernels does all of this.
static mut ALL: [u8; ROOM] = [0; ROOM];

/// Of sys/uio.h.
#[repr(C)]
struct Part {
    at: *mut u8,
    length: usize,
}

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

/// As the C library's (ptrace(2)): what is peeked is the answer.
///
/// # Safety
/// As ptrace(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ptrace(request: c_int, pid: c_int, at: c_ulong, data: *mut c_void) -> c_long {
    unsafe {
        if request == SET_REGISTERS && at == EXTENDED && !data.is_null() {
            return set_extended(pid, &*data.cast::<Part>());
        }
        if PEEK.contains(&request) {
            let mut word: c_long = 0;
            return match answered(call(request, pid, at, (&raw mut word).cast())) {
                0 => {
                    *__errno_location() = 0;
                    word
                }
                failed => failed,
            };
        }
        answered(call(request, pid, at, data))
    }
}

unsafe fn set_extended(pid: c_int, kept: &Part) -> c_long {
    unsafe {
        let all = (&raw mut ALL).cast::<u8>();
        let mut part = Part { at: all, length: ROOM };
        let whole = (&raw mut part).cast();
        if kept.length <= ROOM && call(GET_REGISTERS, pid, EXTENDED, whole) == 0 && part.length > kept.length {
            core::ptr::copy_nonoverlapping(kept.at, all, kept.length);
        } else {
            part = Part { at: kept.at, length: kept.length };
        }
        answered(call(SET_REGISTERS, pid, EXTENDED, (&raw mut part).cast()))
    }
}

unsafe fn answered(answer: c_long) -> c_long {
    if (-4095..0).contains(&answer) {
        unsafe { *__errno_location() = -answer as c_int };
        return -1;
    }
    answer
}

unsafe fn call(request: c_int, pid: c_int, at: c_ulong, data: *mut c_void) -> c_long {
    let answer;
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") SYS_PTRACE => answer,
            in("rdi") c_long::from(request),
            in("rsi") c_long::from(pid),
            in("rdx") at,
            in("r10") data,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    answer
}

#[panic_handler]
fn never(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
