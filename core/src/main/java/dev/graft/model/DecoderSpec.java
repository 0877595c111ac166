package dev.graft.model;

import dev.graft.nn.LinearLayout;
import dev.graft.nn.Rotation;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// A decoder as its configuration describes it: what it stores under which names, and what it computes.
///
/// @param embedding      `[vocab, width]`
/// @param padding        the token whose row of the embedding learns nothing from where it stands; a head
///                       that shares the embedding still trains it
/// @param positions      `[maxPositions, width]`, added to the embedding, where positions are learnt
/// @param embeddingScale what the embedding is multiplied by, rounded to the computing type
/// @param blocks         the layers one after another
/// @param norm           after the last block
/// @param head           `[vocab, width]`; empty where it is the embedding
/// @param logitSoftCap   what logits are capped at; 0 for not at all
/// @param maxPositions   longest document it was made for, in tokens
record DecoderSpec(
        TensorSpec embedding,
        OptionalInt padding,
        Optional<TensorSpec> positions,
        double embeddingScale,
        List<BlockSpec> blocks,
        LayerSpec norm,
        Optional<TensorSpec> head,
        double logitSoftCap,
        int maxPositions) {
    /// @param feedForward a gated unit, a plain one, or experts
    record BlockSpec(SublayerSpec attention, SublayerSpec feedForward) {
        AttentionSpec heads() {
            return (AttentionSpec) attention.layer();
        }

        Stream<Part> parts() {
            return Stream.concat(attention.parts().stream(), feedForward.parts().stream());
        }
    }

    /// Every tensor of the model, in the order of the layers.
    List<TensorSpec> tensors() {
        return Stream.of(
                        Stream.of(embedding),
                        positions.stream(),
                        linearsAndNorms().flatMap(part -> part.tensors().stream()),
                        head.stream())
                .flatMap(tensors -> tensors)
                .toList();
    }

    /// The shape of every tensor by its name.
    Map<String, long[]> shapes() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        tensors().forEach(tensor -> shapes.put(tensor.name(), tensor.shape()));
        return shapes;
    }

    /// Names of the linear layers in the blocks.
    List<String> linearLayers() {
        return linearLayers(layout -> true);
    }

    /// Those of them that are modules of their own in Transformers, and no slices of a parameter.
    List<String> ownLinearLayers() {
        return linearLayers(layout -> layout.slice().isEmpty());
    }

    /// Weights of linear layers that lie `[in, out]`.
    Set<String> transposed() {
        return linearLayers(LinearLayout::transposed).stream()
                .map(name -> name + ".weight")
                .collect(Collectors.toSet());
    }

    private List<String> linearLayers(Predicate<LinearLayout> which) {
        return linearsAndNorms()
                .filter(part -> part instanceof LinearSpec linear && which.test(linear.layout()))
                .map(part -> ((LinearSpec) part).name())
                .toList();
    }

    private Stream<Part> linearsAndNorms() {
        return Stream.concat(blocks.stream().flatMap(BlockSpec::parts), norm.parts().stream());
    }

    /// The rotations its layers use.
    Set<Rotation> rotations() {
        return blocks.stream()
                .flatMap(block -> block.heads().rotation().stream())
                .collect(Collectors.toSet());
    }

    /// What its attention is like, in words for people.
    String attention() {
        List<AttentionSpec> all = blocks.stream().map(BlockSpec::heads).toList();
        List<String> words = new ArrayList<>();
        words.add("heads of width " + all.getFirst().heads().width());
        Map<Integer, Long> windows = all.stream()
                .flatMap(spec -> spec.window().stream().boxed())
                .collect(Collectors.groupingBy(window -> window, TreeMap::new, Collectors.counting()));
        windows.forEach((window, layers) ->
                words.add("%d of %d layers see the last %,d tokens".formatted(layers, all.size(), window)));
        double softCap = all.getFirst().scoring().softCap();
        if (softCap > 0) {
            words.add("scores capped at %s".formatted(softCap));
        }
        if (logitSoftCap > 0) {
            words.add("logits capped at %s".formatted(logitSoftCap));
        }
        return String.join(", ", words);
    }

    int vocabularySize() {
        return (int) embedding.shape()[0];
    }

    int width() {
        return (int) embedding.shape()[1];
    }
}
