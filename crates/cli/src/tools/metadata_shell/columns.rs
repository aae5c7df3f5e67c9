//! Names side by side, as many as a terminal has room for.

/// Between columns.
const GAP: usize = 2;
/// No name with its gap is narrower.
const NARROWEST: usize = 4;

/// Adds lines with the names, downwards first; one a line where there is no terminal.
pub fn in_columns(text: &mut String, names: &[String], width: Option<usize>) {
    let columns = width.map_or(1, |width| fitting(names, width));
    let rows = names.len().div_ceil(columns.max(1));
    let widths: Vec<usize> = names.chunks(rows.max(1)).map(column_width).collect();
    for row in 0..rows {
        let cells = names.iter().skip(row).step_by(rows).zip(&widths);
        let line: String = cells.map(|(name, width)| format!("{name:width$}")).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn fitting(names: &[String], width: usize) -> usize {
    let fits = |columns: &usize| {
        let rows = names.len().div_ceil(*columns).max(1);
        names.chunks(rows).map(column_width).sum::<usize>() <= width + GAP
    };
    (1..=width / NARROWEST).rev().find(fits).unwrap_or(1)
}

fn column_width(names: &[String]) -> usize {
    names.iter().map(|name| name.chars().count() + GAP).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: Option<usize>) -> String {
        let names = ["alpha", "b", "gamma", "d", "e"].map(str::to_owned);
        let mut text = String::new();
        in_columns(&mut text, &names, width);
        text
    }

    #[test]
    fn names_use_the_room_that_there_is() {
        assert_eq!(shown(None), "alpha\nb\ngamma\nd\ne\n");
        assert_eq!(shown(Some(6)), "alpha\nb\ngamma\nd\ne\n");
        assert_eq!(shown(Some(12)), "alpha  d\nb      e\ngamma\n");
        assert_eq!(shown(Some(80)), "alpha  b  gamma  d  e\n");
    }
}
