//! The table: the best of the rounds, and ratios within the one run.

use std::fmt::Write as _;

use crate::peers::Kind;
use crate::scenarios::Figure;

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    floor: Option<f64>,
    klamm: Option<f64>,
    kafka: Option<f64>,
    target: String,
}

impl Row {
    /// A figure of a scenario, nothing measured.
    pub fn new(figure: &Figure) -> Self {
        let floor = figure.floor_ratio_max.map(|max| format!("≤ {max}x floor"));
        let kafka = figure.kafka_ratio_min.map(|min| format!("Kafka ≥ {min}x"));
        let target = [floor, kafka].into_iter().flatten().collect::<Vec<_>>().join(", ");
        Self { name: figure.name.to_owned(), floor: None, klamm: None, kafka: None, target }
    }

    /// The median over the rounds of what one peer's ratio was in each.
    pub fn of_ratios(name: &str, rounds: &[(Kind, f64)], target: &str) -> Self {
        let median = |kind: Kind| {
            let of_kind = rounds.iter().filter(|(of, _)| *of == kind);
            let mut ratios: Vec<f64> = of_kind.map(|(_, ratio)| *ratio).collect();
            ratios.sort_unstable_by(f64::total_cmp);
            ratios.get(ratios.len() / 2).copied()
        };
        let (name, target) = (name.to_owned(), target.to_owned());
        let (klamm, kafka) = (median(Kind::Klamm), median(Kind::Kafka));
        Self { name, floor: median(Kind::Floor), klamm, kafka, target }
    }

    /// A number that stands for itself.
    pub fn absolute(name: &str, klamm: f64, kafka: Option<f64>, target: &str) -> Self {
        let (name, target) = (name.to_owned(), target.to_owned());
        Self { name, floor: None, klamm: Some(klamm), kafka, target }
    }

    /// A number of each peer.
    pub fn of_peers(name: String, numbers: &[(Kind, f64)], target: String) -> Self {
        let of = |kind| numbers.iter().find(|(of, _)| *of == kind).map(|(_, number)| *number);
        let (floor, klamm, kafka) = (of(Kind::Floor), of(Kind::Klamm), of(Kind::Kafka));
        Self { name, floor, klamm, kafka, target }
    }

    /// Keeps the least.
    pub fn note(&mut self, kind: Kind, number: f64) {
        let best = match kind {
            Kind::Floor => &mut self.floor,
            Kind::Klamm => &mut self.klamm,
            Kind::Kafka => &mut self.kafka,
        };
        *best = Some(best.map_or(number, |least| least.min(number)));
    }
}

/// The rows as a Markdown table.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| measured | floor | Klamm | Kafka 4.3.1 | Klamm / floor | Kafka / Klamm | target |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
    let ratio = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) if b > 0.0 => format!("{:.2}x", a / b),
        _ => "-".to_owned(),
    };
    for row in rows {
        let Row { name, floor, klamm, kafka, target } = row;
        let numbers = [*floor, *klamm, *kafka].map(number).join(" | ");
        let ratios = [ratio(*klamm, *floor), ratio(*kafka, *klamm)].join(" | ");
        writeln!(text, "| {name} | {numbers} | {ratios} | {target} |").expect("write to a string");
    }
    text
}
