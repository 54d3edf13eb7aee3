//! Small pictures of blocks, a line high, for a terminal.

/// Blocks from an eighth of the height to all of it.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A block for each value, the largest one whole; a blank for none.
pub(super) fn blocks(values: &[u64]) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let block = |value: &u64| {
        let eighths = (u128::from(*value) * 8).div_ceil(u128::from(most));
        let place = usize::try_from(eighths).unwrap_or(8).checked_sub(1);
        let block = place.and_then(|place| BLOCKS.get(place));
        block.copied().unwrap_or(' ')
    };
    values.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_as_high_as_their_values() {
        assert_eq!(blocks(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(blocks(&[1, 1_000]), "▁█");
        assert_eq!(blocks(&[0, 0]), "  ");
        assert_eq!(blocks(&[u64::MAX]), "█");
    }
}
