package dev.graft.peft;

import java.util.SplittableRandom;

/// Random numbers that factors start from, as PEFT draws them; those of a layer depend on the seed and
/// its name alone.
///
/// @param a row by row
/// @param b row by row
record InitialFactors(float[] a, float[] b, float[] bias) {
    /// Factors of a linear layer: `A` is `[rank, in]`, `B` is `[out, rank]`.
    static InitialFactors ofLinear(Lora.Init init, int rank, int in, int out, SplittableRandom random) {
        InitialFactors start = new InitialFactors(zeros(rank, in), zeros(out, rank), new float[out]);
        switch (init) {
            case DEFAULT -> uniform(start.a, 1 / Math.sqrt(in), random);
            case GAUSSIAN -> normal(start.a, 1.0 / rank, random);
            case ORTHOGONAL -> start.orthogonal(rank, in, out, random);
            case RANDOM -> {
                uniform(start.a, 1 / Math.sqrt(in), random);
                uniform(start.b, 1 / Math.sqrt(rank), random);
                uniform(start.bias, 1 / Math.sqrt(rank), random);
            }
            case PISSA, OLORA, LOFTQ -> throw new IllegalStateException(init + " begins with WeightFactors");
        }
        return start;
    }

    /// Factors of an embedding: `A` is `[rank, vocab]`, `B` is `[width, rank]`.
    static InitialFactors ofEmbedding(Lora.Init init, int rank, int vocab, int width, SplittableRandom random) {
        InitialFactors start = new InitialFactors(zeros(rank, vocab), zeros(width, rank), new float[0]);
        if (init == Lora.Init.RANDOM) {
            normal(start.a, 1, random);
        }
        normal(start.b, 1, random);
        return start;
    }

    private static float[] zeros(int rows, int columns) {
        return new float[Math.multiplyExact(rows, columns)];
    }

    private static void uniform(float[] values, double bound, SplittableRandom random) {
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-bound, bound);
        }
    }

    private static void normal(float[] values, double deviation, SplittableRandom random) {
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * deviation);
        }
    }

    /// Both factors random over the rows of one orthogonal matrix, `A` over the even ones and `B` over
    /// the odd ones, so that `B·A` vanishes.
    private void orthogonal(int rank, int in, int out, SplittableRandom random) {
        double[][] q = orthogonalRows(rank, random);
        for (int i = 0; i < in; i++) {
            for (int k = 0; k < rank; k += 2) {
                double weight = random.nextGaussian() / 10;
                for (int j = 0; j < rank; j++) {
                    a[j * in + i] += (float) (weight * q[k][j]);
                }
            }
        }
        for (int i = 0; i < out; i++) {
            for (int k = 1; k < rank; k += 2) {
                double weight = random.nextGaussian() / 10;
                for (int j = 0; j < rank; j++) {
                    b[i * rank + j] += (float) (weight * q[k][j]);
                }
            }
        }
    }

    /// Random normal rows made orthonormal one after the other, twice over for accuracy.
    private static double[][] orthogonalRows(int size, SplittableRandom random) {
        double[][] rows = new double[size][size];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                rows[i][j] = random.nextGaussian();
            }
            for (int k = 0; k < 2 * i; k++) {
                double along = dot(rows[i], rows[k % i]);
                for (int j = 0; j < size; j++) {
                    rows[i][j] -= along * rows[k % i][j];
                }
            }
            double norm = Math.sqrt(dot(rows[i], rows[i]));
            for (int j = 0; j < size; j++) {
                rows[i][j] /= norm;
            }
        }
        return rows;
    }

    private static double dot(double[] x, double[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += x[i] * y[i];
        }
        return sum;
    }
}
