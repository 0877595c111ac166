package dev.graft.generate;

/// What came after a prompt.
///
/// @param ids     the new tokens, without the one it stopped at
/// @param stopped whether it ended at a stop token; otherwise the length ran out
public record Generated(int[] ids, boolean stopped) {}
