package dev.graft.tokenizer;

/// Text as token ids, and where in the text each token came from.
///
/// @param ids      token ids
/// @param starts   for each token the index of its first `char` in the text
/// @param ends     for each token the index behind its last `char`; equal to its start for a token
///                 without text
/// @param special  true for a token that the tokenizer's post-processor put around the text (`<s>`, `[CLS]`)
public record Encoded(int[] ids, int[] starts, int[] ends, boolean[] special) {

    public int size() {
        return ids.length;
    }
}
