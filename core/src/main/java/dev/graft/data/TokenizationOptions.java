package dev.graft.data;

/// How rows become tokens.
///
/// @param maxLength  tokens that one example may have, those that begin and end it included
/// @param overlong   what happens to an example with more
/// @param trainOn    which tokens carry loss
public record TokenizationOptions(int maxLength, Overlong overlong, TrainOn trainOn) {

    /// Which tokens are learnt.
    public enum TrainOn {
        /// the completion, or what the assistant says; of a text, everything
        COMPLETION,
        /// every token but the first, the prompt's too
        ALL
    }

    /// What to do with an example that is too long.
    public enum Overlong {
        /// stop and list them
        ERROR,
        /// keep the first `maxLength` tokens
        TRUNCATE_END,
        /// leave the example out
        DROP
    }

    public TokenizationOptions {
        if (maxLength < 2) {
            throw new IllegalArgumentException(
                    "maxLength is %d; at least 2 tokens are needed, one to predict the other from"
                            .formatted(maxLength));
        }
    }

    /// At most `maxLength` tokens; a longer example is an error.
    public static TokenizationOptions upTo(int maxLength) {
        return new TokenizationOptions(maxLength, Overlong.ERROR, TrainOn.COMPLETION);
    }

    public TokenizationOptions withOverlong(Overlong overlong) {
        return new TokenizationOptions(maxLength, overlong, trainOn);
    }

    public TokenizationOptions withTrainOn(TrainOn trainOn) {
        return new TokenizationOptions(maxLength, overlong, trainOn);
    }
}
