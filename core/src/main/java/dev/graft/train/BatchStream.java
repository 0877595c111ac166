package dev.graft.train;

import dev.graft.data.Batches;
import dev.graft.data.PackedBatch;
import java.util.List;

/// The batches of one epoch after another, without end.
final class BatchStream {
    private final Batches batches;
    private int epoch;
    private List<PackedBatch> current;
    private int next;
    private long consumed;

    BatchStream(Batches batches) {
        this.batches = batches;
        this.current = batches.epoch(0);
    }

    PackedBatch next() {
        skip(0);
        consumed++;
        return current.get(next++);
    }

    /// Moves on as if `count` batches had been read; none of them is put together.
    void skip(long count) {
        long left = count;
        while (left >= current.size() - next) {
            left -= current.size() - next;
            current = batches.epoch(++epoch);
            next = 0;
        }
        next += (int) left;
        consumed += count;
    }

    /// Batches read so far.
    long consumed() {
        return consumed;
    }
}
