package dev.graft.export;

/// Told how far something is that takes a while, each time another part of it begins.
@FunctionalInterface
public interface Advance {
    /// For those who do not care.
    Advance UNWATCHED = (_, _) -> {};

    /// @param begun parts that have begun, from 1
    /// @param all   parts there are
    void to(int begun, int all);
}
