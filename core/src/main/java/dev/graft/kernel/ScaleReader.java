package dev.graft.kernel;

import static dev.graft.kernel.Arguments.address;

import dev.graft.kernel.RowProducts.Scales;

/// The scales of a matrix's blocks, at addresses asked for once: each question to a tensor is a call
/// into libtorch.
sealed interface ScaleReader {
    static ScaleReader of(Scales scales) {
        return switch (scales) {
            case Scales.Plain plain -> new Plain(plain.absmax().elements(), address(plain.absmax()));
            case Scales.Nested nested ->
                new Nested(
                        nested.codes().elements(),
                        address(nested.codes()),
                        address(nested.absmax()),
                        nested.book().values(),
                        nested.block(),
                        nested.offset());
        };
    }

    /// How many there are.
    long blocks();

    void read(long first, int n, float[] target, int start);

    /// @param absmax address
    record Plain(long blocks, long absmax) implements ScaleReader {
        @Override
        public void read(long first, int n, float[] target, int start) {
            Tile.read(Tile.at(absmax, first, false), false, target, start, n);
        }
    }

    /// @param codes  address
    /// @param absmax address
    record Nested(long blocks, long codes, long absmax, float[] values, int block, float offset)
            implements ScaleReader {
        @Override
        public void read(long first, int n, float[] target, int start) {
            QuantLoops.lookUpBytes(codes, absmax, values, block, offset, first, n, target, start);
        }
    }
}
