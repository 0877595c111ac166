package dev.graft.data;

import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.stream.IntStream;

/// Hashes of the tokens of all rows of a data set, by which repetitions are found. Whole texts and rows
/// without tokens repeat nothing.
public final class RowHashes {
    private final long[] hashes;
    private final BitSet compared;

    private RowHashes(long[] hashes, BitSet compared) {
        this.hashes = hashes;
        this.compared = compared;
    }

    /// Reads every row, on all cores.
    static RowHashes of(Dataset data) {
        long[] hashes = new long[data.rows()];
        boolean[] counts = new boolean[data.rows()];
        IntStream.range(0, data.rows()).parallel().forEach(i -> {
            RowTokens row = data.row(i);
            hashes[i] = row.hash();
            counts[i] = !row.windowed() && row.length() > 0;
        });
        var compared = new BitSet();
        IntStream.range(0, counts.length).filter(i -> counts[i]).forEach(compared::set);
        return new RowHashes(hashes, compared);
    }

    /// The rows of which the tokens occur more than once, the first of each kind too.
    public BitSet repeated() {
        long[] sorted = compared.stream().mapToLong(i -> hashes[i]).sorted().toArray();
        long[] twice = IntStream.range(1, sorted.length)
                .filter(i -> sorted[i] == sorted[i - 1])
                .mapToLong(i -> sorted[i])
                .toArray();
        return among(twice, compared);
    }

    /// The rows of a set whose tokens stood in an earlier row of it.
    public BitSet repetitions(BitSet rows) {
        var repetitions = new BitSet();
        BitSet repeated = repeated();
        repeated.and(rows);
        var seen = new HashSet<Long>();
        repeated.stream().filter(i -> !seen.add(hashes[i])).forEach(repetitions::set);
        return repetitions;
    }

    /// The rows of `mine` that have the tokens of a row of `theirs`.
    public BitSet shared(BitSet mine, RowHashes other, BitSet theirs) {
        BitSet their = (BitSet) theirs.clone();
        their.and(other.compared);
        long[] sorted = their.stream().mapToLong(i -> other.hashes[i]).sorted().toArray();
        BitSet my = (BitSet) mine.clone();
        my.and(compared);
        return among(sorted, my);
    }

    private BitSet among(long[] sorted, BitSet rows) {
        var found = new BitSet();
        rows.stream().filter(i -> Arrays.binarySearch(sorted, hashes[i]) >= 0).forEach(found::set);
        return found;
    }

    /// The first row of a set with these tokens, which must be there.
    public int first(long hash, BitSet rows) {
        return rows.stream().filter(i -> hashes[i] == hash).findFirst().orElseThrow();
    }

    long get(int row) {
        return hashes[row];
    }
}
