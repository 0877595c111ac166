package dev.graft.data;

import dev.graft.data.LabelledTokens.NothingToTrain;
import dev.graft.data.RowChange.What;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Rows of tokens to examples of limited length; what is too long is treated as the options say, and
/// everything that is not as it was written is recorded.
final class Cutting {
    /// How the reason of a row begins that was dropped for its length.
    static final String TOO_LONG = "longer than ";

    private final List<TokenRows> files;
    private final TokenizationOptions options;
    private final int limit;
    private final Pieces pieces = new Pieces();
    private final List<RowChange> changes = new ArrayList<>();
    private final List<Integer> fused = new ArrayList<>();
    private final Map<TokenRows, Faults> nothing = new LinkedHashMap<>();
    private final Map<TokenRows, Faults> overlong = new LinkedHashMap<>();
    private int longest;
    private int rows;

    Cutting(List<TokenRows> files, TokenizationOptions options) {
        this.files = files;
        this.options = options;
        this.limit = options.maxLength();
    }

    /// Takes one row; the same one may come more than once.
    void add(int file, int row) {
        TokenRows source = files.get(file);
        int length = source.length(row);
        rows++;
        String nothingIsLearnt = source.nothing(row);
        if (!nothingIsLearnt.isEmpty()) {
            masked(source, row, nothingIsLearnt);
            return;
        }
        if (source.windowed(row)) {
            windows(file, row, length);
            return;
        }
        longest = Math.max(longest, length);
        if (source.fused(row)) {
            fused.add(source.number(row));
        }
        try {
            if (length <= limit) {
                keep(file, row, 0, length, "none of its tokens is learnt");
            } else {
                tooLong(file, row, length);
            }
        } catch (NothingToTrain e) {
            masked(source, row, e.getMessage());
        }
    }

    private void masked(TokenRows source, int row, String reason) {
        if (options.dropMasked()) {
            change(source, row, What.DROPPED, 0, reason);
        } else {
            faults(nothing, source).add(source.number(row), reason);
        }
    }

    private void tooLong(int file, int row, int length) {
        TokenRows source = files.get(file);
        switch (options.overlong()) {
            case ERROR -> faults(overlong, source).add(source.number(row), "%,d tokens".formatted(length));
            case DROP -> change(source, row, What.DROPPED, 0, TOO_LONG + "max_length = %d".formatted(limit));
            case TRUNCATE_END -> {
                keep(file, row, 0, limit, "its first %,d tokens hold nothing that is learnt".formatted(limit));
                change(source, row, What.CUT, limit, "lost its end");
            }
            case TRUNCATE_START -> {
                keep(
                        file,
                        row,
                        length - limit,
                        length,
                        "its last %,d tokens hold nothing that is learnt".formatted(limit));
                change(source, row, What.CUT, limit, "lost its beginning");
            }
            case SPLIT -> split(file, row, length);
        }
    }

    /// Pieces of which nothing is learnt (those of a long prompt) are left out.
    private void split(int file, int row, int length) {
        LabelledTokens all = files.get(file).get(row);
        int kept = 0;
        int count = 0;
        for (int from = 0, to; from < length; from = to) {
            to = from + Math.min(length - from, limit);
            int labelled = all.labelled(from, to);
            if (labelled > 0) {
                pieces.add(file, row, from, to, labelled);
                kept += to - from;
                count++;
            }
        }
        if (count == 0) {
            throw new NothingToTrain("none of its tokens is learnt");
        }
        int whole = Math.ceilDiv(length, limit);
        change(
                files.get(file),
                row,
                What.SPLIT,
                kept,
                count == whole
                        ? "split into %d examples".formatted(count)
                        : "split into %d examples; %d pieces in which nothing is learnt were left out"
                                .formatted(count, whole - count));
    }

    /// A last piece of a single token predicts nothing and is left out.
    private void windows(int file, int row, int length) {
        for (int from = 0, to; length - from > 1; from = to) {
            to = from + Math.min(length - from, limit);
            pieces.add(file, row, from, to, to - from - 1);
        }
    }

    private void keep(int file, int row, int from, int to, String reasonIfUnlabelled) {
        int labelled = files.get(file).get(row).labelled(from, to);
        if (labelled == 0) {
            throw new NothingToTrain(reasonIfUnlabelled);
        }
        pieces.add(file, row, from, to, labelled);
    }

    private void change(TokenRows source, int row, What what, int kept, String reason) {
        changes.add(new RowChange(source.file(), source.number(row), what, source.length(row), kept, reason));
    }

    private static Faults faults(Map<TokenRows, Faults> of, TokenRows source) {
        return of.computeIfAbsent(source, s -> new Faults());
    }

    /// @throws IllegalArgumentException naming the rows that the options do not allow
    Tokenization finish() {
        if (rows == 0) {
            throw new IllegalArgumentException("there are no rows to tokenise; at least one is needed");
        }
        throwAll(nothing, "have nothing to train on", LabelledTokens.NOTHING_ADVICE);
        throwAll(
                overlong,
                "are longer than max_length = %d".formatted(limit),
                "max_length %d would fit them all; or set overlong to truncate_start, truncate_end, split or drop."
                        .formatted(longest));
        if (pieces.size() == 0) {
            throw new IllegalArgumentException(
                    longest > limit
                            ? "%s: all %,d rows were dropped as longer than max_length = %d; %d would fit them all"
                                    .formatted(files.getFirst().file(), rows, limit, longest)
                            : "%s: in none of its %,d rows is anything learnt"
                                    .formatted(files.getFirst().file(), rows));
        }
        return new Tokenization(pieces.examples(files), changes, fused);
    }

    private void throwAll(Map<TokenRows, Faults> of, String what, String advice) {
        if (of.isEmpty()) {
            return;
        }
        var message = new StringBuilder();
        of.forEach((source, faults) -> message.append(faults.text(
                        "%s: %,d of %,d rows %s:".formatted(source.file(), faults.count(), source.size(), what), ""))
                .append('\n'));
        throw new IllegalArgumentException(message.append(advice).toString());
    }

    /// Where each example lies: file, row, first token, token behind the last, labelled tokens.
    private static final class Pieces {
        private int[] values = new int[5 * 256];
        private int size;

        void add(int file, int row, int from, int to, int labelled) {
            if (5 * size == values.length) {
                values = Arrays.copyOf(values, Math.multiplyExact(2, values.length));
            }
            int at = 5 * size++;
            values[at] = file;
            values[at + 1] = row;
            values[at + 2] = from;
            values[at + 3] = to;
            values[at + 4] = labelled;
        }

        int size() {
            return size;
        }

        Examples examples(List<TokenRows> files) {
            int[] at = Arrays.copyOf(values, 5 * size);
            int count = size;
            return new Examples() {
                @Override
                public int size() {
                    return count;
                }

                @Override
                public int tokens(int i) {
                    return at[5 * i + 3] - at[5 * i + 2];
                }

                @Override
                public int labelled(int i) {
                    return at[5 * i + 4];
                }

                @Override
                public Tokenized get(int i) {
                    TokenRows source = files.get(at[5 * i]);
                    int row = at[5 * i + 1];
                    return source.get(row).piece(at[5 * i + 2], at[5 * i + 3], source.number(row));
                }
            };
        }
    }
}
