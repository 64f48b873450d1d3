//! Plain text tables: as wide as their content, two spaces between columns.
use std::io::{self, Write};

use crate::certificate::show::plain;

/// Heading of a column, and its text for one row.
pub type Column<T> = (&'static str, fn(&T) -> String);

/// Writes a heading and one line per row.
///
/// # Errors
/// When the output cannot be written.
pub fn render<T>(columns: &[Column<T>], rows: &[T], out: &mut dyn Write) -> io::Result<()> {
    let cells = rows.iter().map(|row| columns.iter().map(|(_, text)| plain(&text(row))).collect::<Vec<_>>());
    let head = columns.iter().map(|(head, _)| (*head).to_owned()).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for line in &lines {
        let padded: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", padded.join("  ").trim_end())?;
    }
    Ok(())
}

/// A size as makers print it on the label (powers of 1000), with three significant digits at most.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut unit = 0;
    let mut scale = 1_u64;
    while bytes / scale >= 1000 && unit + 1 < UNITS.len() {
        scale *= 1000;
        unit += 1;
    }
    let (whole, tenth) = (bytes / scale, (u128::from(bytes) * 10 / u128::from(scale)) % 10);
    if whole < 100 && tenth != 0 {
        format!("{whole}.{tenth} {}", UNITS[unit])
    } else {
        format!("{whole} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_like_labels() {
        let table = [
            (0, "0 B"),
            (999, "999 B"),
            (1500, "1.5 kB"),
            (4_000_787_030_016, "4 TB"),
            (7_681_501_126_656, "7.6 TB"),
            (960_197_124_096, "960 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (bytes, text) in table {
            assert_eq!(human_bytes(bytes), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let mut out = Vec::new();
        let columns: [Column<(&str, &str)>; 2] =
            [("A", |row| row.0.to_owned()), ("B", |row| row.1.to_owned())];
        render(&columns, &[("x", "1"), ("longer", "")], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "A       B\nx       1\nlonger\n");
    }
}
