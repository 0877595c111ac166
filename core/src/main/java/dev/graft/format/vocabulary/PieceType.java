package dev.graft.format.vocabulary;

/// What a token is for; SentencePiece and GGUF number these alike, from 1 on.
enum PieceType {
    NORMAL,
    UNKNOWN,
    CONTROL,
    USER_DEFINED,
    UNUSED,
    BYTE;

    int number() {
        return ordinal() + 1;
    }

    /// Whether pieces are merged into it; the others are only ever written whole.
    boolean isMerged() {
        return this == NORMAL || this == USER_DEFINED || this == UNUSED;
    }
}
