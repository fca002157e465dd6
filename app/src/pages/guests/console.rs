use leptos::prelude::*;
use leptos::reactive::computed::ScopedFuture;
use umbel_guest::Action;

use super::show::GuestContext;
use crate::api::guests::guest_console_tail;
use crate::api::missing;
use crate::parts::loaded::awaited;
use crate::paths;
use crate::terminal::Terminal;

#[component]
pub fn GuestConsolePage() -> impl IntoView {
    let context = GuestContext::expect();
    // The page follows this and not the guest, whose every change would put a new terminal in the old one's place.
    let denied = Memo::new(move |_| {
        context.guest.get().map(|guest| guest.ok().and_then(|guest| guest.may(Action::ReadConsole).err()))
    });
    let denied_now = move || {
        ScopedFuture::new_untracked(async move {
            // Whoever asks for a guest that isn't there is told so by its header.
            context.guest.await.ok().and_then(|guest| guest.may(Action::ReadConsole).err())
        })
    };
    // For those without scripts only, so it is not asked for again.
    let tail = Resource::new(
        move || context.id.get(),
        move |id| async move {
            // Asked only where it may be: a refusal that nobody waits for would be the page's status, or not.
            if denied_now().await.is_some() {
                return Ok(String::new());
            }
            guest_console_tail(id.ok_or_else(|| missing("guest"))?, 200).await.map(|tail| tail.text)
        },
    );
    view! {
        <Transition>
            {awaited(move || {
                denied.track();
                async move {
                    if let Some(why) = denied_now().await {
                        return Some(view! { <p class="notice">{why.to_string()}</p> }.into_any());
                    }
                    let text = tail.await;
                    context.id.get().filter(|_| text.is_ok()).map(|id| view! {
                        <Terminal guest=id />
                        <section class="without-scripts">
                            <p>"A live console needs scripts. These are its last lines; "
                                <a href=paths::console_log(id) rel="external">"the whole log"</a> "."</p>
                            <pre class="console-text" tabindex="0">{text.unwrap_or_default()}</pre>
                        </section>
                    }.into_any())
                }
            })}
        </Transition>
    }
}
