package dev.graft.data;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/// Rows to train on and rows held out, chosen by a seed and each in their own order.
public record Split<T>(List<T> train, List<T> heldOut) {

    public Split {
        train = List.copyOf(train);
        heldOut = List.copyOf(heldOut);
    }

    /// Holds out a share of the rows, rounded to the nearest number and at least one.
    ///
    /// @param fraction  more than 0 and less than 1
    public static <T> Split<T> byFraction(List<T> rows, double fraction, long seed) {
        return byCount(rows, count(rows.size(), fraction), seed);
    }

    /// How many of `size` rows a share of them is, rounded to the nearest number and at least one.
    ///
    /// @param fraction  more than 0 and less than 1
    static int count(int size, double fraction) {
        if (!(fraction > 0 && fraction < 1)) {
            throw new IllegalArgumentException(
                    "the held-out fraction is %s; expected a number between 0 and 1, such as 0.1".formatted(fraction));
        }
        return (int) Math.max(1, Math.round(size * fraction));
    }

    /// Holds out this many rows.
    public static <T> Split<T> byCount(List<T> rows, int count, long seed) {
        BitSet chosen = chosen(rows.size(), count, seed);
        List<T> train = new ArrayList<>();
        List<T> heldOut = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            (chosen.get(i) ? heldOut : train).add(rows.get(i));
        }
        return new Split<>(train, heldOut);
    }

    /// Which of `size` rows are held out.
    static BitSet chosen(int size, int count, long seed) {
        return chosen(size, count, seed, new BitSet());
    }

    /// The same, passing over some of the rows.
    static BitSet chosen(int size, int count, long seed, BitSet never) {
        if (count < 1 || count >= size) {
            throw new IllegalArgumentException(
                    "cannot hold out %d of %d rows; at least one must be held out and one be left to train on"
                            .formatted(count, size));
        }
        List<Integer> order = new ArrayList<>(IntStream.range(0, size).boxed().toList());
        Collections.shuffle(order, new Random(seed));
        BitSet chosen = new BitSet();
        order.stream().filter(row -> !never.get(row)).limit(count).forEach(chosen::set);
        return chosen;
    }
}
