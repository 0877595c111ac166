package dev.graft.format.vocabulary;

import dev.graft.format.FormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// `tokenizer.model`, the protocol buffer SentencePiece keeps a vocabulary in.
///
/// <https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto>
final class SentencePieceModel {
    private static final int VARINT = 0;
    private static final int EIGHT_BYTES = 1;
    private static final int DELIMITED = 2;
    private static final int FOUR_BYTES = 5;
    private static final int UNIGRAM = 1;
    private static final int BPE = 2;

    private final Path file;
    private final List<String> pieces = new ArrayList<>();
    private final List<Float> scores = new ArrayList<>();
    private final List<PieceType> types = new ArrayList<>();
    private long modelType = UNIGRAM; // these are the defaults of the format
    private boolean spacesFollow;
    private long unknown;
    private long bos = 1;
    private long eos = 2;
    private Optional<byte[]> charsmap = Optional.empty();
    private boolean dummyPrefix = true;
    private boolean mergeSpaces = true;
    private boolean escapeSpaces = true;

    private SentencePieceModel(Path file) {
        this.file = file;
    }

    /// @param addBos whether texts begin with the token for it; SentencePiece itself leaves that to others
    static Pieces read(Path file, boolean addBos, boolean addEos) {
        var model = new SentencePieceModel(file);
        try {
            byte[] bytes = Files.readAllBytes(file);
            model.fields(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN), model::modelField);
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            throw model.refusal("it is no SentencePiece model, or cut off", "a whole tokenizer.model");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
        return model.checked(addBos, addEos);
    }

    private Pieces checked(boolean addBos, boolean addEos) {
        if (pieces.isEmpty()) {
            throw refusal("it holds no pieces", "a SentencePiece model");
        }
        if (modelType != UNIGRAM && modelType != BPE) {
            throw refusal("its model type is " + modelType, "1 (unigram) or 2 (BPE)");
        }
        if (spacesFollow) {
            throw refusal("treat_whitespace_as_suffix is set", "spaces in front of words");
        }
        if (!escapeSpaces) {
            throw refusal("escape_whitespaces is off", "spaces written as ▁");
        }
        float[] values = new float[scores.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = scores.get(i);
        }
        return new Pieces(
                modelType == UNIGRAM,
                pieces,
                values,
                types.toArray(PieceType[]::new),
                charsmap,
                dummyPrefix,
                mergeSpaces,
                id(unknown),
                addBos ? id(bos) : OptionalInt.empty(),
                addEos ? id(eos) : OptionalInt.empty());
    }

    private OptionalInt id(long number) {
        return number >= 0 && number < pieces.size() ? OptionalInt.of((int) number) : OptionalInt.empty();
    }

    /// What a message does with one field.
    private interface Field {
        void read(int number, ByteBuffer content, long value);
    }

    /// Reads all fields of a message; a delimited one is handed on as bytes, the others as a number.
    private void fields(ByteBuffer message, Field field) {
        ByteBuffer nothing = ByteBuffer.allocate(0);
        while (message.hasRemaining()) {
            long key = varint(message);
            int number = (int) (key >>> 3);
            switch ((int) (key & 7)) {
                case VARINT -> field.read(number, nothing, varint(message));
                case EIGHT_BYTES -> field.read(number, nothing, message.getLong());
                case FOUR_BYTES -> field.read(number, nothing, message.getInt());
                case DELIMITED -> {
                    long length = varint(message);
                    if (length < 0 || length > message.remaining()) {
                        throw new BufferUnderflowException();
                    }
                    ByteBuffer content =
                            message.slice(message.position(), (int) length).order(ByteOrder.LITTLE_ENDIAN);
                    message.position(message.position() + (int) length);
                    field.read(number, content, 0);
                }
                default -> throw new IllegalArgumentException("wire type");
            }
        }
    }

    private static long varint(ByteBuffer message) {
        long value = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            byte next = message.get();
            value |= (next & 0x7fL) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw new IllegalArgumentException("varint");
    }

    private void modelField(int number, ByteBuffer content, long value) {
        switch (number) {
            case 1 -> {
                pieces.add("");
                scores.add(0f);
                types.add(PieceType.NORMAL);
                fields(content, this::pieceField);
            }
            case 2 -> fields(content, this::trainerField);
            case 3 -> fields(content, this::normalizerField);
            default -> {} // test samples and what newer versions add
        }
    }

    private void pieceField(int number, ByteBuffer content, long value) {
        switch (number) {
            case 1 ->
                pieces.set(
                        pieces.size() - 1,
                        StandardCharsets.UTF_8.decode(content).toString());
            case 2 -> scores.set(scores.size() - 1, Float.intBitsToFloat((int) value));
            case 3 -> types.set(types.size() - 1, type(value));
            default -> {}
        }
    }

    private PieceType type(long number) {
        if (number < 1 || number > PieceType.values().length) {
            throw refusal("piece %d has type %d".formatted(pieces.size() - 1, number), "1 to 6");
        }
        return PieceType.values()[(int) number - 1];
    }

    private void trainerField(int number, ByteBuffer content, long value) {
        switch (number) {
            case 3 -> modelType = value;
            case 24 -> spacesFollow = value != 0;
            case 40 -> unknown = (int) value;
            case 41 -> bos = (int) value;
            case 42 -> eos = (int) value;
            default -> {} // how it was trained
        }
    }

    private void normalizerField(int number, ByteBuffer content, long value) {
        switch (number) {
            case 2 -> {
                byte[] map = new byte[content.remaining()];
                content.get(map);
                charsmap = map.length == 0 ? Optional.empty() : Optional.of(map);
            }
            case 3 -> dummyPrefix = value != 0;
            case 4 -> mergeSpaces = value != 0;
            case 5 -> escapeSpaces = value != 0;
            default -> {} // its name, and the rules the map was compiled from
        }
    }

    private FormatException refusal(String found, String expected) {
        return new FormatException(file, found, expected, "Get a whole copy, or save the tokenizer as tokenizer.json.");
    }
}
