package dev.graft.data.check;

import dev.graft.data.Dataset;
import dev.graft.data.RowTokens;
import dev.graft.data.TokenizationOptions;
import dev.graft.data.TokenizationOptions.Overlong;
import dev.graft.tokenizer.Tokenizer;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.IntStream;

/// What is wrong with rows as tokens. Every row is read once, on all cores.
final class TokenLints {
    private final TokenizationOptions options;
    private final Tokenizer tokenizer;
    private final Map<Lint, Places> found = new EnumMap<>(Lint.class);
    private boolean fileWithoutEnd;

    TokenLints(TokenizationOptions options, Tokenizer tokenizer) {
        this.options = options;
        this.tokenizer = tokenizer;
    }

    void look(Dataset data) {
        // a bit for each lint: most rows have none
        int[] faults = new int[data.rows()];
        var learning = new AtomicIntegerArray(data.files().size());
        var endless = new AtomicIntegerArray(data.files().size());
        IntStream.range(0, faults.length).parallel().forEach(i -> {
            RowTokens row = data.row(i);
            Set<Lint> lints = row.windowed() ? Set.of() : faults(row);
            learning.addAndGet(row.fileIndex(), lints.contains(Lint.ALL_MASKED) ? 0 : 1);
            endless.addAndGet(row.fileIndex(), lints.contains(Lint.EOS_NOT_TRAINED) ? 1 : 0);
            for (Lint lint : lints) {
                faults[i] |= 1 << lint.ordinal();
            }
        });
        IntStream.range(0, faults.length).filter(i -> faults[i] != 0).forEach(i -> note(data.row(i), faults[i]));
        for (int file = 0; file < endless.length(); file++) {
            fileWithoutEnd |= endless.get(file) > 0 && endless.get(file) == learning.get(file);
        }
    }

    Map<Lint, Places> found() {
        return found;
    }

    /// Whether in all rows of a file no end is learnt, which no choice of rows explains.
    boolean hasFileWithoutEnd() {
        return fileWithoutEnd;
    }

    private void note(RowTokens row, int faults) {
        for (Lint lint : Lint.values()) {
            if ((faults & 1 << lint.ordinal()) != 0) {
                found.computeIfAbsent(lint, _ -> new Places()).add(row.file(), row.number(), why(lint, row));
            }
        }
    }

    private static String why(Lint lint, RowTokens row) {
        return switch (lint) {
            case ALL_MASKED -> row.nothing().isEmpty() ? "" : "says why: " + row.nothing();
            case PROMPT_TOO_LONG -> "has a prompt of %,d tokens".formatted(firstLearnt(row));
            default -> "";
        };
    }

    private Set<Lint> faults(RowTokens row) {
        Set<Lint> faults = EnumSet.noneOf(Lint.class);
        int prompt = firstLearnt(row);
        boolean isLong = row.length() > options.maxLength();
        if (isLong && prompt < row.length() && prompt >= options.maxLength() && options.overlong() != Overlong.DROP) {
            faults.add(Lint.PROMPT_TOO_LONG);
        } else if (isMasked(row, isLong)) {
            faults.add(Lint.ALL_MASKED);
        } else if (!learnsAnEnd(row)) {
            faults.add(Lint.EOS_NOT_TRAINED);
        }
        if (tokenizer.bosId().isPresent()
                && row.length() > 1
                && row.id(0) == tokenizer.bosId().getAsInt()
                && row.id(1) == row.id(0)) {
            faults.add(Lint.DOUBLE_BOS);
        }
        if (row.isFused()) {
            faults.add(Lint.FUSED_SEAM);
        }
        return faults;
    }

    /// Nothing is left to learn, in the row or in what its cutting leaves of it.
    private boolean isMasked(RowTokens row, boolean isLong) {
        int limit = options.maxLength();
        int length = row.length();
        return row.learnt(0, length) == 0
                || isLong && options.overlong() == Overlong.TRUNCATE_END && row.learnt(0, limit) == 0
                || isLong && options.overlong() == Overlong.TRUNCATE_START && row.learnt(length - limit, length) == 0;
    }

    private static int firstLearnt(RowTokens row) {
        int first = 0;
        while (first < row.length() && !row.isLearnt(first)) {
            first++;
        }
        return first;
    }

    private boolean learnsAnEnd(RowTokens row) {
        for (int i = row.length() - 1; i >= 0; i--) {
            if (row.isLearnt(i) && tokenizer.stopIds().contains(row.id(i))) {
                return true;
            }
        }
        return false;
    }
}
