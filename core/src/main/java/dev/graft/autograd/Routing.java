package dev.graft.autograd;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/// Which experts each token goes to: the likeliest by its router, and how much each counts.
///
/// ```text
/// logits [tokens, experts] ─ softmax, float32 ─ top perToken ─(divided by their sum)─► weights [tokens,
/// perToken] x [tokens, width] ─ dispatch ─► rows of each used expert ─ its layers ─ combine ─► Σ weight
/// · output [tokens, width]
/// ```
///
/// Tokens are sorted by expert, so each expert that was chosen at all works on one matrix, and nothing
/// of the size `tokens × experts × width` is made. Shazeer et al. 2017, <https://arxiv.org/abs/1701.06538>.
public final class Routing {
    private final Value weights;
    private final long tokens;
    private final List<Group> groups = new ArrayList<>();
    /// Token of each (token, choice), sorted by expert; int64 `[tokens · perToken]`.
    private final Tensor rows;
    /// Where each (token, choice) stands in the flattened weights, sorted by expert; int64 `[tokens ·
    /// perToken]`.
    private final Tensor places;

    /// The tokens of one expert: `count` of the sorted ones from `start` on.
    private record Group(int expert, int start, int count) {}

    private Routing(Value weights, int[] chosen, int experts, Device device) {
        this.weights = weights;
        this.tokens = weights.data().size(0);
        int perToken = (int) weights.data().size(1);
        int[] counts = new int[experts];
        for (int expert : chosen) {
            counts[expert]++;
        }
        int start = 0;
        int[] next = new int[experts];
        for (int expert = 0; expert < experts; expert++) {
            next[expert] = start;
            if (counts[expert] > 0) {
                groups.add(new Group(expert, start, counts[expert]));
            }
            start += counts[expert];
        }
        int[] sorted = new int[chosen.length];
        for (int i = 0; i < chosen.length; i++) {
            sorted[next[chosen[i]]++] = i;
        }
        this.places = Tensor.of(sorted).to(device);
        this.rows =
                Tensor.of(IntStream.of(sorted).map(i -> i / perToken).toArray()).to(device);
    }

    /// Chooses experts.
    ///
    /// @param logits     of the router, `[tokens, experts]`
    /// @param perToken   experts a token goes to
    /// @param normalised whether the weights of a token are divided by their sum
    public static Routing of(Tape tape, Value logits, int perToken, boolean normalised) {
        int experts = (int) logits.data().size(1);
        if (perToken < 1 || perToken > experts) {
            throw new IllegalArgumentException(
                    "%d experts for each token; expected 1 to %d".formatted(perToken, experts));
        }
        boolean wanted = tape.wants(List.of(logits), List.of());
        DType type = logits.data().dtype();
        Tensor probabilities = logits.data().to(DType.F32).softmax(1);
        Tensor.TopK top = probabilities.topk(perToken);
        Tensor sums = top.values().sum(1, true);
        Tensor values = normalised ? top.values().div(sums) : top.values();
        Value weights = tape.record(
                wanted,
                values,
                List.of(probabilities, values, top.indices(), sums),
                dW -> logits.accumulate(back(dW, probabilities, values, top.indices(), normalised ? sums : null)
                        .to(type)));
        int[] chosen = LongStream.of(top.indices().toLongs())
                .mapToInt(Math::toIntExact)
                .toArray();
        return new Routing(weights, chosen, experts, logits.data().device());
    }

    /// From the gradient of the weights to that of the logits.
    ///
    /// @param sums of each token's chosen probabilities, `null` when the weights are not divided by them
    private static Tensor back(Tensor dW, Tensor probabilities, Tensor values, Tensor indices, Tensor sums) {
        // w = t / Σt gives dt = (dW − Σ dW·w) / Σt
        Tensor dTop = sums == null ? dW : dW.sub(dW.mul(values).sum(1, true)).div(sums);
        Tensor dP = Tensor.zeros(DType.F32, dW.device(), probabilities.shape()).scatterAddInPlace(1, indices, dTop);
        Tensor along = dP.mul(probabilities).sum(1, true);
        return dP.sub(along).mul(probabilities);
    }

    /// How much each chosen expert counts for each token, float32 `[tokens, perToken]`, the likeliest first.
    public Value weights() {
        return weights;
    }

    /// The experts that at least one token goes to, ascending.
    public List<Integer> experts() {
        return groups.stream().map(Group::expert).toList();
    }

    /// The rows of `x` that go to each of [#experts].
    ///
    /// @param x `[tokens, width]`
    public List<Value> dispatch(Tape tape, Value x) {
        boolean wanted = tape.wants(List.of(x), List.of());
        DType type = x.data().dtype();
        long width = x.data().size(1);
        Tensor sorted = x.data().indexSelect(0, rows);
        List<Tensor> parts =
                groups.stream().map(g -> sorted.narrow(0, g.start, g.count)).toList();
        return tape.recordAll(wanted, parts, List.of(rows), gradients -> {
            // float32: a token's gradient is the sum over its experts
            Tensor sum = Tensor.zeros(DType.F32, rows.device(), tokens, width);
            for (int i = 0; i < gradients.size(); i++) {
                if (gradients.get(i) != null) {
                    sum.indexAddInPlace(
                            0, rowsOf(groups.get(i)), gradients.get(i).to(DType.F32));
                }
            }
            x.accumulate(sum.to(type));
        });
    }

    /// The weighted sum of what each token's experts gave.
    ///
    /// @param outputs of each of [#experts] for the rows [#dispatch] gave it
    /// @return        `[tokens, width]`
    public Value combine(Tape tape, List<Value> outputs) {
        List<Value> all = new ArrayList<>(outputs);
        all.add(weights);
        boolean wanted = tape.wants(all, List.of());
        Tensor sorted = weights.data().view(places.elements()).indexSelect(0, places);
        DType type = outputs.getFirst().data().dtype();
        Tensor sum = Scope.local(() -> {
            Tensor total = Tensor.zeros(
                    DType.F32, rows.device(), tokens, outputs.getFirst().data().size(1));
            for (int i = 0; i < groups.size(); i++) {
                Tensor output = outputs.get(i).data().to(DType.F32);
                total.indexAddInPlace(0, rowsOf(groups.get(i)), output.mul(weightsOf(groups.get(i), sorted)));
            }
            return total.to(type);
        });
        List<Tensor> saved = new ArrayList<>(List.of(rows, places, sorted));
        outputs.forEach(output -> saved.add(output.data()));
        return tape.record(wanted, sum, saved, dY -> backThroughSum(tape, dY, outputs, sorted));
    }

    private void backThroughSum(Tape tape, Tensor dY, List<Value> outputs, Tensor sorted) {
        List<Tensor> dWeights = new ArrayList<>();
        for (int i = 0; i < groups.size(); i++) {
            Group group = groups.get(i);
            Value output = outputs.get(i);
            Tensor d = dY.indexSelect(0, rowsOf(group));
            if (weights.wantsGradient()) {
                dWeights.add(tape.kernels().rowDot(d, output.data().contiguous()));
            }
            if (output.wantsGradient()) {
                output.accumulate(d.to(DType.F32)
                        .mul(weightsOf(group, sorted))
                        .to(output.data().dtype()));
            }
        }
        if (weights.wantsGradient()) {
            Tensor inOrder = Tensor.zeros(DType.F32, dY.device(), places.elements())
                    .indexCopyInPlace(0, places, Tensor.cat(dWeights, 0));
            weights.accumulate(inOrder.view(weights.data().shape()));
        }
    }

    private Tensor rowsOf(Group group) {
        return rows.narrow(0, group.start, group.count);
    }

    /// A column of the sorted weights.
    private static Tensor weightsOf(Group group, Tensor sorted) {
        return sorted.narrow(0, group.start, group.count).unsqueeze(1);
    }
}
