package dev.graft.generate;

/// A prompt as the model read it and the text that came after it.
///
/// @param promptIds tokens of the prompt
/// @param ids       the new tokens, without the one it stopped at
/// @param text      of the new tokens; appended to the prompt it reads on
/// @param stopped   whether it ended at a stop token; otherwise the length ran out
public record Completion(int[] promptIds, int[] ids, String text, boolean stopped) {}
