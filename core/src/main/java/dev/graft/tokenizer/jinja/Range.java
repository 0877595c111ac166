package dev.graft.tokenizer.jinja;

import java.math.BigInteger;
import java.util.AbstractList;

/// Python's `range`, at most 100,000 long as in the sandbox of Transformers.
final class Range extends AbstractList<Object> {
    private static final int LONGEST = 100_000;

    private final long start;
    private final long stop;
    private final long step;
    private final int size;

    Range(long start, long stop, long step) {
        if (step == 0) {
            throw PythonError.value("range() arg 3 must not be zero");
        }
        this.start = start;
        this.stop = stop;
        this.step = step;
        long span = step > 0 ? Math.subtractExact(stop, start) : Math.subtractExact(start, stop);
        long count = span <= 0 ? 0 : Math.ceilDiv(span, Math.abs(step));
        if (count > LONGEST) {
            throw PythonError.other("a range of %,d numbers; at most %,d are allowed".formatted(count, LONGEST));
        }
        this.size = (int) count;
    }

    @Override
    public Object get(int index) {
        return BigInteger.valueOf(start + index * step);
    }

    @Override
    public int size() {
        return size;
    }

    long start() {
        return start;
    }

    long stop() {
        return stop;
    }

    long step() {
        return step;
    }
}
