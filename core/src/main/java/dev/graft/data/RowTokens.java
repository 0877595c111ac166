package dev.graft.data;

import java.nio.file.Path;

/// All tokens of a row of a [Dataset], before anything is cut.
public final class RowTokens {
    private final int fileIndex;
    private final Path file;
    private final int number;
    private final boolean windowed;
    private final LabelledTokens tokens;

    RowTokens(int fileIndex, Path file, int number, boolean windowed, LabelledTokens tokens) {
        this.fileIndex = fileIndex;
        this.file = file;
        this.number = number;
        this.windowed = windowed;
        this.tokens = tokens;
    }

    /// Index of its file among those of the data set.
    public int fileIndex() {
        return fileIndex;
    }

    public Path file() {
        return file;
    }

    /// Number of the row in the file.
    public int number() {
        return number;
    }

    /// Whether it is a whole text, to be cut into windows.
    public boolean windowed() {
        return windowed;
    }

    public int length() {
        return tokens.length();
    }

    public int id(int index) {
        return tokens.ids()[index];
    }

    /// Whether the token carries loss.
    public boolean isLearnt(int index) {
        return tokens.labels()[index];
    }

    /// How many tokens from `from` up to `to` carry loss when they are an example of their own.
    public int learnt(int from, int to) {
        return to - from < 2 ? 0 : tokens.labelled(from, to);
    }

    /// Whether the prompt has other tokens here than alone.
    public boolean isFused() {
        return tokens.fused();
    }

    /// Why the row has no tokens; empty for one that has.
    public String nothing() {
        return tokens.nothing();
    }

    /// Equal for rows of the same tokens, and most unlikely so for others.
    public long hash() {
        long hash = 0x9e3779b97f4a7c15L;
        for (int id : tokens.ids()) {
            hash = (hash ^ id) * 0xbf58476d1ce4e5b9L;
            hash ^= hash >>> 29;
        }
        return hash;
    }
}
