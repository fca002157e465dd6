use leptos::prelude::*;
use umbel_guest::Action;

use super::show::GuestContext;
use crate::api::guests::guest_console_tail;
use crate::api::missing;
use crate::paths;
use crate::terminal::Terminal;

#[component]
pub fn GuestConsolePage() -> impl IntoView {
    let context = GuestContext::expect();
    // For those without scripts only, so it is not asked for again.
    let tail = Resource::new(
        move || context.id.get(),
        move |id| async move {
            // Asked only where it may be: a refusal that nobody waits for would be the page's status, or not.
            match context.guest.await {
                Ok(guest) if guest.may(Action::ReadConsole).is_err() => Ok(String::new()),
                _ => guest_console_tail(id.ok_or_else(|| missing("guest"))?, 200).await.map(|tail| tail.text),
            }
        },
    );
    view! {
        <Transition>
            {move || Suspend::new(async move {
                // Whoever asks for a guest that isn't there is told so by its header.
                let denied = context.guest.await.ok().and_then(|guest| guest.may(Action::ReadConsole).err());
                if let Some(why) = denied {
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
            })}
        </Transition>
    }
}
