package dev.graft.data;

/// An example put to a model: the prompt to continue and the answer that is hoped for.
///
/// @param row        number of the row it came from
/// @param promptIds  the prompt as the model sees it in generation
/// @param prompt     the same as text
/// @param answer     the text that should follow
public record Question(int row, int[] promptIds, String prompt, String answer) {}
