//! Klamm beside a floor server and Apache Kafka on the same work in one run: `cargo xtask bench`.

mod cluster;
mod cold;
mod floor;
mod footprint;
mod load;
mod pages;
mod peers;
mod protocol;
mod readings;
mod scale;
mod scenarios;
mod table;

use std::path::Path;
use std::process::ExitCode;

use peers::{Kind, Peer};
use scenarios::{SCENARIOS, Scenario, takes_part};
use table::Row;

// as in the binary that is measured: some figures are of its code in this process
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
/// Rounds that nobody counts, after which a JVM has compiled what the others are.
const WARM_UP_ROUNDS: usize = 8;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["floor", port, partitions, folder] => serve_floor(port, partitions, Path::new(folder)),
        ["scale", folder] => scale::measure(Path::new(folder)),
        names => measure(names),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve_floor(port: &str, partitions: &str, folder: &Path) -> std::io::Result<()> {
    let port = port.parse().map_err(std::io::Error::other)?;
    floor::serve(port, partitions.parse().map_err(std::io::Error::other)?, folder)
}

/// Measures every scenario whose name contains one of `names`; all where there are none.
fn measure(names: &[&str]) -> std::io::Result<()> {
    let chosen = |name: &str| names.is_empty() || names.iter().any(|n| name.contains(n));
    let scenarios = SCENARIOS.iter().filter(|s| chosen(s.figures[0].name));
    let mut rows = compare(&scenarios.collect::<Vec<_>>())?;
    rows.append(&mut cluster::measure(chosen)?);
    for (name, run) in footprint::FOOTPRINTS.iter().filter(|(name, _)| chosen(name)) {
        eprintln!("  {name}");
        rows.append(&mut run()?);
    }
    print!("{}", table::markdown(&rows));
    Ok(())
}

/// Runs the scenarios on all peers by turns.
fn compare(scenarios: &[&Scenario]) -> std::io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if scenarios.is_empty() {
        return Ok(rows);
    }
    let kinds = [Kind::Floor, Kind::Klamm, Kind::Kafka];
    let wanted = kinds.into_iter().filter(|kind| kind.is_wanted());
    let mut peers: Vec<Peer> = wanted.filter_map(Peer::start).collect();
    for peer in peers.iter_mut().filter(|peer| peer.kind() == Kind::Kafka) {
        for round in 1..=WARM_UP_ROUNDS {
            eprintln!("  warming up, round {round}: {:.2?}", (SCENARIOS[0].run)(peer)?);
        }
    }
    for scenario in scenarios {
        let mut these: Vec<Row> = scenario.figures.iter().map(Row::new).collect();
        let mut ratios = Vec::new();
        for round in 1..=ROUNDS {
            for peer in peers.iter_mut().filter(|peer| takes_part(peer.kind(), scenario)) {
                pages::warm()?;
                let numbers = (scenario.run)(peer)?;
                eprintln!("  {}, round {round}, {:?}: {numbers:.2?}", these[0].name, peer.kind());
                if let [over, under, ..] = numbers.as_slice() {
                    ratios.push((peer.kind(), over / under));
                }
                for (row, number) in these.iter_mut().zip(numbers) {
                    row.note(peer.kind(), number);
                }
            }
        }
        if let Some((name, target)) = scenario.ratio {
            these.push(Row::of_ratios(name, &ratios, target));
        }
        rows.append(&mut these);
    }
    Ok(rows)
}
