package dev.graft.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What a run was fed, in plain values, as `data_report.json` holds it: files, shapes, lengths, and
/// every row that was not trained on as it was written.
public final class DataReport {

    private DataReport() {}

    /// One set of examples.
    ///
    /// @param fillRate  share of its batches that tokens fill
    public static Map<String, Object> of(Dataset data, Tokenization tokens, double fillRate) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("files", data.files().stream().map(DataReport::file).toList());
        report.put("rows", data.rows());
        report.putAll(of(tokens, fillRate));
        return report;
    }

    /// One set of examples out of files that are described elsewhere.
    public static Map<String, Object> of(Tokenization tokens, double fillRate) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("examples", tokens.examples().size());
        report.put("tokens", tokens.tokens());
        report.put("labelled_tokens", tokens.labelledTokens());
        report.put("length", lengths(tokens.examples()));
        report.put("packing_fill_rate", Math.round(fillRate * 1e6) / 1e6);
        report.put("rows_cut", tokens.truncated().size());
        report.put("rows_split", tokens.split().size());
        report.put("rows_dropped", tokens.dropped().size());
        report.put(
                "changed_rows",
                tokens.changes().stream().map(DataReport::change).toList());
        report.put("fused_rows", tokens.fused());
        return report;
    }

    private static Map<String, Object> file(TokenizedFile file) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("path", file.summary().file().toString());
        report.put("sha256", file.sha256());
        report.put("shape", file.summary().shape());
        report.put("rows", file.summary().rows());
        report.put("unused_columns", file.summary().unused());
        report.put("token_cache", file.state().name().toLowerCase(Locale.ROOT));
        return report;
    }

    private static Map<String, Object> change(RowChange change) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("file", change.file().toString());
        report.put("row", change.row());
        report.put("what", change.what().name().toLowerCase(Locale.ROOT));
        report.put("tokens", change.tokens());
        report.put("kept", change.kept());
        report.put("reason", change.reason());
        return report;
    }

    /// Least, quartiles, greatest, and how many examples have up to 16, 32, 64 … tokens.
    private static Map<String, Object> lengths(Examples examples) {
        int[] lengths = new int[examples.size()];
        Arrays.setAll(lengths, examples::tokens);
        Arrays.sort(lengths);
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("min", lengths[0]);
        report.put("p25", at(lengths, 0.25));
        report.put("median", at(lengths, 0.5));
        report.put("p75", at(lengths, 0.75));
        report.put("p95", at(lengths, 0.95));
        report.put("max", lengths[lengths.length - 1]);
        report.put("mean", Math.round(100 * Arrays.stream(lengths).average().orElseThrow()) / 100.0);
        List<Map<String, Object>> histogram = new ArrayList<>();
        for (int from = 0, limit = 16; from < lengths.length; limit *= 2) {
            int to = from;
            while (to < lengths.length && lengths[to] <= limit) {
                to++;
            }
            Map<String, Object> bar = new LinkedHashMap<>();
            bar.put("up_to", limit);
            bar.put("examples", to - from);
            histogram.add(bar);
            from = to;
        }
        report.put("histogram", histogram);
        return report;
    }

    private static int at(int[] sorted, double share) {
        return sorted[(int) Math.round(share * (sorted.length - 1))];
    }
}
