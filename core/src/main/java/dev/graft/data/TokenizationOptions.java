package dev.graft.data;

/// How rows become tokens.
///
/// @param maxLength  tokens that one example may have, those that begin and end it included
/// @param overlong   what happens to an example with more
/// @param trainOn    which tokens carry loss
/// @param dropMasked whether examples in which no token carries loss are left out and counted; otherwise
///                   they are an error
public record TokenizationOptions(int maxLength, Overlong overlong, TrainOn trainOn, boolean dropMasked) {

    /// Which tokens are learnt. Of a prompt and completion written as text, all but [#ALL] learn the
    /// completion.
    public enum TrainOn {
        /// the completion; of a conversation what the assistant says, where it does not belong to the
        /// prompt; of a text everything
        COMPLETION,
        /// everything the assistant says in a conversation, in its prompt too
        ASSISTANT,
        /// the last thing the assistant says in a conversation
        LAST_ASSISTANT,
        /// every token but the first, the prompt's too
        ALL
    }

    /// What to do with an example that is too long.
    public enum Overlong {
        /// stop and list them
        ERROR,
        /// keep the last `maxLength` tokens
        TRUNCATE_START,
        /// keep the first `maxLength` tokens
        TRUNCATE_END,
        /// leave the example out
        DROP,
        /// make several examples of it, one behind the other, each of at most `maxLength` tokens
        SPLIT
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
        return new TokenizationOptions(maxLength, Overlong.ERROR, TrainOn.COMPLETION, false);
    }

    /// The same with another limit.
    public TokenizationOptions withMaxLength(int maxLength) {
        return new TokenizationOptions(maxLength, overlong, trainOn, dropMasked);
    }

    /// The same, treating examples beyond the limit otherwise.
    public TokenizationOptions withOverlong(Overlong overlong) {
        return new TokenizationOptions(maxLength, overlong, trainOn, dropMasked);
    }

    /// The same with other tokens learnt.
    public TokenizationOptions withTrainOn(TrainOn trainOn) {
        return new TokenizationOptions(maxLength, overlong, trainOn, dropMasked);
    }

    /// The same; whether examples of which nothing is learnt are left out instead of being an error.
    public TokenizationOptions withDropMasked(boolean dropMasked) {
        return new TokenizationOptions(maxLength, overlong, trainOn, dropMasked);
    }
}
