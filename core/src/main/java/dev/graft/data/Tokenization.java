package dev.graft.data;

import java.util.List;

/// Tokenised rows, and what was done to those that did not fit.
///
/// @param examples   in the order of the rows
/// @param truncated  numbers of the rows that lost their end
/// @param dropped    numbers of the rows that were left out
/// @param fused      numbers of the rows in which the end of the prompt fuses with the start of the completion,
///                   so that the prompt alone, as in generation, has other tokens than in training
public record Tokenization(
        List<Tokenized> examples, List<Integer> truncated, List<Integer> dropped, List<Integer> fused) {

    public Tokenization {
        examples = List.copyOf(examples);
        truncated = List.copyOf(truncated);
        dropped = List.copyOf(dropped);
        fused = List.copyOf(fused);
    }

    public long tokens() {
        return examples.stream().mapToLong(Tokenized::tokens).sum();
    }

    public long labelledTokens() {
        return examples.stream().mapToLong(Tokenized::labelledCount).sum();
    }

    /// One line for a log: how much there is, and every row that is not as it was written.
    public String summary() {
        var text = new StringBuilder("%,d examples, %,d tokens, %,d of them labelled"
                .formatted(examples.size(), tokens(), labelledTokens()));
        if (!truncated.isEmpty()) {
            text.append("; %,d rows cut at the end".formatted(truncated.size()));
        }
        if (!dropped.isEmpty()) {
            text.append("; %,d rows dropped as too long".formatted(dropped.size()));
        }
        if (!fused.isEmpty()) {
            text.append(
                    "; in %,d rows the end of the prompt fuses with the start of the completion (begin the completion with the space instead of ending the prompt with it)"
                            .formatted(fused.size()));
        }
        return text.toString();
    }
}
