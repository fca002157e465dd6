//! How soon the first pages are answered, and what a browser loads for them.

use std::time::Instant;

use umbel_client::{Client, Method};

use crate::Failure;
use crate::boot::PATIENCE;
use crate::figures::{Promise, Report, Samples};
use crate::panel::Panel;
use crate::site;

const WARM: usize = 20;
const TIMES: usize = 200;

pub(crate) async fn measure(panel: &Panel, report: &mut Report) -> Result<(), Failure> {
    let stranger = Client::new(panel.client.origin())?;
    let made = panel.client.guest_create(&panel.draft("page").await?).await?;
    panel.client.operation_over(made.operation, PATIENCE).await?;
    panel.until_running(made.guest).await?;
    let guest = format!("/guests/{}", made.guest);
    answer(&stranger, "sign-in", "/sign-in", report).await?;
    for (name, path) in
        [("overview", "/"), ("guests", "/guests"), ("new guest", "/guests/new"), ("a guest", guest.as_str())]
    {
        answer(&panel.client, name, path, report).await?;
    }
    let wasm = load(&stranger, "sign-in", "/sign-in", report).await?;
    report.promised("pages: sign-in, files of wasm", wasm, "", Promise::AtMost(0.0));
    load(&panel.client, "guests", "/guests", report).await?;
    panel.purge(made.guest).await
}

/// One after the other on a connection that is there, each read to its end.
async fn answer(client: &Client, name: &str, path: &str, report: &mut Report) -> Result<(), Failure> {
    let mut times = Vec::new();
    for i in 0..WARM + TIMES {
        let began = Instant::now();
        let response = client.request(Method::GET, path).send().await?;
        if !response.status().is_success() {
            return Err(format!("{path} answers {}", response.status()).into());
        }
        response.bytes().await?;
        if i >= WARM {
            times.push(began.elapsed());
        }
    }
    let times = Samples::ms(&times);
    report.promised(&format!("pages: {name}, answer p50"), times.quantile(0.5), "ms", Promise::AtMost(10.0));
    report.add(&format!("pages: {name}, answer p99"), times.quantile(0.99), "ms");
    Ok(())
}

/// How many of the files are wasm. Fonts stand apart: a browser loads those that something on the page
/// is set in, and only a browser knows which.
#[expect(clippy::cast_precision_loss, reason = "sizes of pages")]
async fn load(client: &Client, name: &str, path: &str, report: &mut Report) -> Result<f64, Failure> {
    let loaded = site::load(client, path).await?;
    for file in &loaded {
        println!("  {name}: {:>8} bytes{}  {}", file.bytes, if file.brotli { " br" } else { "   " }, file.path);
    }
    let (fonts, rest): (Vec<_>, Vec<_>) = loaded.iter().partition(|file| file.path.ends_with(".woff2"));
    let kb = |files: &[&site::Loaded]| files.iter().map(|file| file.bytes).sum::<usize>() as f64 / 1e3;
    report.add(&format!("pages: {name}, bodies without fonts"), kb(&rest), "kB");
    report.add(&format!("pages: {name}, fonts that its style names"), kb(&fonts), "kB");
    Ok(rest.iter().filter(|file| file.path.ends_with(".wasm")).count() as f64)
}
