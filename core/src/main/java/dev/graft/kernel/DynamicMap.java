package dev.graft.kernel;

import java.util.Arrays;

/// The 256 values of the dynamic 8-bit type: seven decades, each with twice as many steps as the one below.
///
/// Dettmers 2015, <https://arxiv.org/abs/1511.04561>; the numbers are those of bitsandbytes'
/// `create_dynamic_map`.
public final class DynamicMap {
    /// For numbers of both signs.
    public static final Codebook SIGNED = codebook(true);

    /// For numbers that are not negative.
    public static final Codebook UNSIGNED = codebook(false);

    private static final int DECADES = 7;

    private DynamicMap() {}

    private static Codebook codebook(boolean signed) {
        float[] values = values(signed);
        float[] thresholds = new float[255];
        for (int i = 0; i < 255; i++) {
            float middle = (values[i] + values[i + 1]) * 0.5f;
            // CUDA's search ends at an even code, and leaves it only for a neighbour that is strictly nearer
            thresholds[i] = i % 2 == 0 ? middle : Math.nextDown(middle);
        }
        return Codebook.sorted(values, thresholds);
    }

    private static float[] values(boolean signed) {
        float[] values = new float[256];
        int count = 0;
        for (int decade = 0; decade < DECADES; decade++) {
            float[] edges = edges((signed ? 1 << decade : 2 << decade) + 1);
            for (int i = 0; i + 1 < edges.length; i++) {
                // the mean and the product are rounded to float32 as torch does
                float value = (float) Math.pow(10, decade - (DECADES - 1)) * ((edges[i] + edges[i + 1]) / 2);
                values[count++] = value;
                if (signed) {
                    values[count++] = -value;
                }
            }
        }
        values[count++] = 0;
        values[count] = 1;
        Arrays.sort(values);
        return values;
    }

    /// `torch.linspace(0.1, 1, count)` as torch computes it: from both ends towards the middle, in fused
    /// steps.
    private static float[] edges(int count) {
        float[] edges = new float[count];
        float step = (1 - 0.1f) / (count - 1);
        for (int i = 0; i < count; i++) {
            edges[i] = i < count / 2 ? Math.fma(step, i, 0.1f) : Math.fma(-step, count - i - 1, 1f);
        }
        return edges;
    }
}
