package dev.graft.train;

import dev.graft.data.Batches;
import dev.graft.data.PackedBatch;
import java.util.Iterator;

/// The batches of one epoch after another, without end.
final class BatchStream {
    private final Batches batches;
    private int epoch;
    private Iterator<PackedBatch> current;
    private long consumed;

    BatchStream(Batches batches) {
        this.batches = batches;
        this.current = batches.epoch(0).iterator();
    }

    PackedBatch next() {
        while (!current.hasNext()) {
            current = batches.epoch(++epoch).iterator();
        }
        consumed++;
        return current.next();
    }

    /// Moves on as if `count` batches had been read.
    void skip(long count) {
        for (long i = 0; i < count; i++) {
            next();
        }
    }

    /// Batches read so far.
    long consumed() {
        return consumed;
    }
}
