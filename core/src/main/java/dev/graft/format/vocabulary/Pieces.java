package dev.graft.format.vocabulary;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// A SentencePiece vocabulary, from `tokenizer.model`, a GGUF file or `tok*.bin`: pieces with scores,
/// and how text is prepared for them.
///
/// @param unigram  whether the likeliest pieces are chosen; otherwise neighbours are merged, the best
///                 score first
/// @param scores   one for each piece
/// @param charsmap SentencePiece's compiled replacements (NFKC and the like), empty for none
/// @param dummyPrefix   whether a text gets a space in front
/// @param mergeSpaces   whether spaces around a text go and runs of them become one
/// @param bos      put in front of a text
/// @param eos      put after it
record Pieces(
        boolean unigram,
        List<String> pieces,
        float[] scores,
        PieceType[] types,
        Optional<byte[]> charsmap,
        boolean dummyPrefix,
        boolean mergeSpaces,
        OptionalInt unknown,
        OptionalInt bos,
        OptionalInt eos) {

    /// The `tokenizer.json` of this vocabulary, with merges in the order in which Transformers'
    /// converter puts them.
    String tokenizerJson() {
        TokenizerJson json = new TokenizerJson();
        for (int id = 0; id < types.length; id++) {
            PieceType type = types[id];
            if (type == PieceType.UNKNOWN || type == PieceType.CONTROL || type == PieceType.USER_DEFINED) {
                json.added(id, pieces.get(id), type != PieceType.USER_DEFINED);
            }
        }
        return json.set("normalizer", normalizer())
                .around(pieces, bos, eos)
                .set("decoder", decoder())
                .set("model", unigram ? unigramModel() : mergingModel())
                .text();
    }

    private boolean hasBytes() {
        return Arrays.asList(types).contains(PieceType.BYTE);
    }

    private ObjectNode normalizer() {
        List<ObjectNode> steps = new ArrayList<>();
        charsmap.ifPresent(map -> steps.add(TokenizerJson.part("Precompiled")
                .put("precompiled_charsmap", Base64.getEncoder().encodeToString(map))));
        if (mergeSpaces) {
            steps.add(TokenizerJson.replace("Regex", "\\A +| +\\z", ""));
            steps.add(TokenizerJson.replace("Regex", " {2,}", " "));
        }
        if (dummyPrefix) {
            steps.add(TokenizerJson.part("Prepend").put("prepend", "▁"));
        }
        steps.add(TokenizerJson.replace("String", " ", "▁"));
        return TokenizerJson.sequence("normalizers", steps);
    }

    private ObjectNode decoder() {
        List<ObjectNode> steps = new ArrayList<>();
        steps.add(TokenizerJson.replace("String", "▁", " "));
        if (hasBytes()) {
            steps.add(TokenizerJson.part("ByteFallback"));
        }
        steps.add(TokenizerJson.part("Fuse"));
        if (dummyPrefix) {
            steps.add(TokenizerJson.part("Strip")
                    .put("content", " ")
                    .put("start", 1)
                    .put("stop", 0));
        }
        return TokenizerJson.sequence("decoders", steps);
    }

    private ObjectNode unigramModel() {
        ObjectNode model = TokenizerJson.part("Unigram");
        unknown.ifPresent(id -> model.put("unk_id", id));
        ArrayNode vocab = model.putArray("vocab");
        for (int id = 0; id < scores.length; id++) {
            vocab.addArray().add(pieces.get(id)).add((double) scores[id]);
        }
        return model.put("byte_fallback", hasBytes());
    }

    private ObjectNode mergingModel() {
        ObjectNode model = TokenizerJson.part("BPE").putNull("dropout");
        unknown.ifPresentOrElse(id -> model.put("unk_token", pieces.get(id)), () -> model.putNull("unk_token"));
        model.putNull("continuing_subword_prefix")
                .putNull("end_of_word_suffix")
                .put("fuse_unk", true)
                .put("byte_fallback", hasBytes())
                .put("ignore_merges", false);
        ObjectNode vocab = model.putObject("vocab");
        for (int id = 0; id < scores.length; id++) {
            vocab.put(pieces.get(id), id);
        }
        ArrayNode rules = model.putArray("merges");
        merges().forEach(merge -> rules.addArray().add(merge.left).add(merge.right));
        return model;
    }

    private record Merge(String left, String right, float score, int leftId, int rightId) {
        int leftLength() {
            return left.codePointCount(0, left.length());
        }

        int rightLength() {
            return right.codePointCount(0, right.length());
        }
    }

    /// Every way to make a piece of two others, best score first; of one score, long left parts first.
    private List<Merge> merges() {
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < types.length; id++) {
            if (types[id].isMerged()) {
                ids.put(pieces.get(id), id);
            }
        }
        List<Merge> merges = new ArrayList<>();
        for (int id = 0; id < types.length; id++) {
            if (types[id].isMerged()) {
                merges.addAll(waysTo(pieces.get(id), scores[id], ids));
            }
        }
        merges.sort(Comparator.comparingDouble(Merge::score)
                .thenComparingInt(Merge::leftLength)
                .thenComparingInt(Merge::rightLength)
                .reversed());
        return merges;
    }

    private static List<Merge> waysTo(String piece, float score, Map<String, Integer> ids) {
        List<Merge> ways = new ArrayList<>();
        for (int at = piece.offsetByCodePoints(0, Math.min(1, piece.length()));
                at < piece.length();
                at = piece.offsetByCodePoints(at, 1)) {
            String left = piece.substring(0, at);
            String right = piece.substring(at);
            Integer leftId = ids.get(left);
            Integer rightId = ids.get(right);
            if (leftId != null && rightId != null) {
                ways.add(new Merge(left, right, score, leftId, rightId));
            }
        }
        ways.sort(Comparator.comparingInt(Merge::leftId).thenComparingInt(Merge::rightId));
        return ways;
    }

    /// Pieces that are there more than once.
    Set<String> doubles() {
        Map<String, Long> counts =
                pieces.stream().collect(Collectors.groupingBy(piece -> piece, Collectors.counting()));
        return IntStream.range(0, pieces.size())
                .mapToObj(pieces::get)
                .filter(piece -> counts.get(piece) > 1)
                .collect(Collectors.toSet());
    }
}
