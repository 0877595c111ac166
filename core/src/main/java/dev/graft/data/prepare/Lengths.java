package dev.graft.data.prepare;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// How long rows are: every length is kept, so that any quantile of them is exact.
public final class Lengths {
    private int[] values = new int[64];
    private int count;
    private boolean sorted = true;

    public void add(int length) {
        values = count < values.length ? values : Arrays.copyOf(values, 2 * count);
        values[count++] = length;
        sorted = false;
    }

    public int count() {
        return count;
    }

    public long total() {
        return Arrays.stream(values, 0, count).asLongStream().sum();
    }

    public double mean() {
        return count == 0 ? 0 : total() / (double) count;
    }

    /// The smallest length that this share of the rows does not exceed.
    ///
    /// @param share 0 for the smallest of all, 0.5 for the median, 1 for the greatest
    public int quantile(double share) {
        if (count == 0) {
            return 0;
        }
        if (!sorted) {
            Arrays.sort(values, 0, count);
            sorted = true;
        }
        return values[Math.clamp((int) Math.ceil(share * count) - 1, 0, count - 1)];
    }

    /// How many rows are longer.
    public long over(int length) {
        return Arrays.stream(values, 0, count).filter(value -> value > length).count();
    }

    /// A bar of a histogram: rows of `from` to `to`, both included.
    public record Bar(int from, int to, int rows) {}

    /// At most `most` bars of one round width (1, 2 or 5 times a power of ten) from the shortest to the
    /// longest.
    public List<Bar> bars(int most) {
        List<Bar> bars = new ArrayList<>();
        if (count == 0) {
            return bars;
        }
        int least = quantile(0);
        int greatest = quantile(1);
        long width = 1;
        for (int step = 0; greatest / width - least / width >= most; step++) {
            width = step % 3 == 1 ? width / 2 * 5 : width * 2;
        }
        int next = 0;
        for (long from = least / width * width; from <= greatest; from += width) {
            int rows = 0;
            while (next < count && values[next] < from + width) {
                next++;
                rows++;
            }
            bars.add(new Bar((int) from, (int) (from + width - 1), rows));
        }
        return bars;
    }
}
