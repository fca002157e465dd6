//! The file that a guest's samples lie in: an hour of one every 5 s and a day of one a minute.
//!
//! ```text
//! 0  magic "UMBELMT1"
//! 8  720 slots of 5 s, then 1440 slots of 1 min, each 40 bytes, all little-endian:
//!    0 u64 tick   8 seven u32 in the order of Sample   36 u32 FNV-1a of the 36 bytes before
//! ```
//! A tick is the time since the epoch in steps, and its slot is the tick modulo the number of slots.
//! So there is no head to lose: what was never written, was cut off or is of another day has not the
//! tick or the sum that it should have, and is a gap.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use umbel_guest::{Sample, Series, Span};

const MAGIC: &[u8; 8] = b"UMBELMT1";
const SLOT: usize = 40;
const SUMMED: usize = 36;
const SECOND: i64 = 1_000_000;

#[derive(Debug)]
pub(super) struct Ring {
    file: File,
}

impl Ring {
    /// Opens it to write, as new where it is none.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
        let mut magic = [0; MAGIC.len()];
        if file.read_exact_at(&mut magic, 0).is_err() || &magic != MAGIC {
            file.set_len(0)?;
            file.write_all_at(MAGIC, 0)?;
        }
        Ok(Self { file })
    }

    pub(super) fn write(&self, span: Span, tick: u64, sample: &Sample) -> io::Result<()> {
        self.file.write_all_at(&encode(tick, sample), place(span, tick))
    }

    /// The samples up to the newest; where the one of `now` (µs since the epoch) is not there yet, it
    /// is the one before. All gaps where there is no file.
    pub(super) fn series(path: &Path, span: Span, now: i64) -> io::Result<Series> {
        let mut bytes = vec![0; SLOT * span.length()];
        match File::open(path) {
            Ok(file) => fill(&file, &mut bytes, place(span, 0))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let at = |tick: u64| decode(&bytes[slot(span, tick) * SLOT..][..SLOT], tick);
        let mut end = tick(span, now);
        if at(end).is_none() {
            end = end.saturating_sub(1);
        }
        let length = span.length() as u64;
        let samples = (0..length).map(|back| at((end + 1 + back).saturating_sub(length))).collect();
        Ok(Series { span, end: time(span, end), samples })
    }

    /// The mean of the 5-second samples of the minute that ends with this tick of minutes.
    pub(super) fn minute(&self, minute: u64) -> io::Result<Option<Sample>> {
        let each = u64::from(Span::Day.step_s() / Span::Hour.step_s());
        let mut samples = Vec::new();
        for tick in (minute * each).saturating_sub(each) + 1..=minute * each {
            let mut bytes = [0; SLOT];
            fill(&self.file, &mut bytes, place(Span::Hour, tick))?;
            samples.extend(decode(&bytes, tick));
        }
        Ok(mean(&samples))
    }
}

/// The step that a time (µs since the epoch) lies in.
pub(super) fn tick(span: Span, now: i64) -> u64 {
    (now.max(0) / SECOND).cast_unsigned() / u64::from(span.step_s())
}

fn time(span: Span, tick: u64) -> i64 {
    i64::try_from(tick * u64::from(span.step_s())).unwrap_or_default().saturating_mul(SECOND)
}

fn slot(span: Span, tick: u64) -> usize {
    usize::try_from(tick % span.length() as u64).unwrap_or_default()
}

fn place(span: Span, tick: u64) -> u64 {
    let before = match span {
        Span::Hour => 0,
        Span::Day => Span::Hour.length(),
    };
    (MAGIC.len() + (before + slot(span, tick)) * SLOT) as u64
}

fn fill(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.read_at(bytes, at)? {
            0 => break,
            length => {
                bytes = &mut bytes[length..];
                at += length as u64;
            }
        }
    }
    Ok(())
}

fn numbers(sample: &Sample) -> [u32; 7] {
    let Sample { cpu_permille, memory_kib, net_in_kib_s, net_out_kib_s, disk_read_kib_s, disk_write_kib_s, processes } =
        *sample;
    [cpu_permille, memory_kib, net_in_kib_s, net_out_kib_s, disk_read_kib_s, disk_write_kib_s, processes]
}

fn sample([cpu, memory, net_in, net_out, disk_read, disk_write, processes]: [u32; 7]) -> Sample {
    Sample {
        cpu_permille: cpu,
        memory_kib: memory,
        net_in_kib_s: net_in,
        net_out_kib_s: net_out,
        disk_read_kib_s: disk_read,
        disk_write_kib_s: disk_write,
        processes,
    }
}

fn encode(tick: u64, sample: &Sample) -> [u8; SLOT] {
    let mut bytes = [0; SLOT];
    bytes[..8].copy_from_slice(&tick.to_le_bytes());
    for (place, number) in bytes[8..SUMMED].chunks_exact_mut(4).zip(numbers(sample)) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let sum = fnv(&bytes[..SUMMED]);
    bytes[SUMMED..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8], tick: u64) -> Option<Sample> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let said = u64::from(word(0)?) | u64::from(word(4)?) << 32;
    if said != tick || word(SUMMED)? != fnv(&bytes[..SUMMED]) {
        return None;
    }
    let mut all = [0; 7];
    for (i, number) in all.iter_mut().enumerate() {
        *number = word(8 + 4 * i)?;
    }
    Some(sample(all))
}

fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

fn mean(samples: &[Sample]) -> Option<Sample> {
    let count = u64::try_from(samples.len()).ok().filter(|count| *count > 0)?;
    let mut sums = [0u64; 7];
    for one in samples {
        for (sum, number) in sums.iter_mut().zip(numbers(one)) {
            *sum += u64::from(number);
        }
    }
    Some(sample(sums.map(|sum| u32::try_from(sum / count).unwrap_or(u32::MAX))))
}

/// All together, as the host carries them.
pub(super) fn sum(samples: impl Iterator<Item = Sample>) -> Sample {
    samples.fold(Sample::default(), |all, one| {
        let mut both = numbers(&all);
        for (sum, number) in both.iter_mut().zip(numbers(&one)) {
            *sum = sum.saturating_add(number);
        }
        sample(both)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cpu(permille: u32) -> Sample {
        Sample { cpu_permille: permille, ..Sample::default() }
    }

    #[test]
    fn what_was_not_measured_is_a_gap_and_yesterday_is_gone() {
        let dir = tempfile::tempdir().expect("tmp");
        let path = dir.path().join("metrics");
        let now = 1_800_000_000 * SECOND;
        let none = Ring::series(&path, Span::Hour, now).expect("no file is no error");
        assert!(none.samples.len() == 720 && none.samples.iter().all(Option::is_none));
        let at = tick(Span::Hour, now);
        let ring = Ring::open(&path).expect("made");
        for (back, permille) in [(720, 9), (3, 1), (1, 2), (0, 3)] {
            ring.write(Span::Hour, at - back, &cpu(permille)).expect("written");
        }
        let again = Ring::open(&path).expect("as it was");
        let series = Ring::series(&path, Span::Hour, now).expect("read");
        let seen: Vec<_> = series.samples[716..].iter().map(|s| s.map(|s| s.cpu_permille)).collect();
        assert_eq!((seen, series.end), (vec![Some(1), None, Some(2), Some(3)], now));
        assert_eq!(series.samples.iter().flatten().count(), 3);
        let later = Ring::series(&path, Span::Hour, now + 5 * SECOND).expect("read");
        assert_eq!((later.samples[719].map(|s| s.cpu_permille), later.end), (Some(3), now), "not measured yet");
        assert_eq!(again.minute(at / 12).expect("read"), Some(cpu(2)));
        assert!(Ring::series(&path, Span::Day, now).expect("read").samples.iter().all(Option::is_none));
    }

    proptest! {
        #[test]
        fn a_write_that_was_cut_off_anywhere_is_the_old_sample_or_a_gap(cut in 0usize..SLOT, old: u32, new: u32, tick in 1u64..1 << 40) {
            let (before, after) = (encode(tick, &cpu(old)), encode(tick + 720, &cpu(new)));
            let mut bytes = before;
            bytes[..cut].copy_from_slice(&after[..cut]);
            let read = decode(&bytes, tick + 720);
            prop_assert!(read.is_none() || read == Some(cpu(new)));
            let read = decode(&bytes, tick);
            prop_assert!(read.is_none() || read == Some(cpu(old)));
        }

        #[test]
        fn any_bytes_are_a_series(bytes in proptest::collection::vec(any::<u8>(), 0..2000), now: i64) {
            let dir = tempfile::tempdir().expect("tmp");
            let path = dir.path().join("metrics");
            std::fs::write(&path, bytes).expect("written");
            let series = Ring::series(&path, Span::Day, now).expect("read");
            prop_assert_eq!(series.samples.len(), 1440);
        }

        #[test]
        fn what_is_written_is_read(numbers: [u32; 7], tick: u64) {
            prop_assert_eq!(decode(&encode(tick, &sample(numbers)), tick), Some(sample(numbers)));
        }
    }
}
