using Serving.Models;

namespace Serving.Onnx;

/// <summary>Lays out the operators of one policy: a decoder whose attention reads and writes bound keys and values.</summary>
internal sealed class DecoderGraphBuilder
{
    private readonly DecoderConfig _config;
    private readonly GraphWriter _graph = new("decoder");
    private readonly WeightNodes _weights;
    private readonly AttentionNodes _attention;

    public DecoderGraphBuilder(DecoderConfig config, Checkpoint checkpoint)
    {
        _config = config;
        _weights = new WeightNodes(_graph, checkpoint);
        _attention = new AttentionNodes(_graph, _weights, config);
    }

    public GraphWriter Build()
    {
        _graph.Input("input_ids", ElementType.Int64, "batch", "sequence");
        _graph.Input("seqlens_k", ElementType.Int32, "batch");
        _graph.Input("total_sequence_length", ElementType.Int32, 1);
        _graph.Input("logit_rows", ElementType.Int64, "logit_count");
        _graph.Output("logits", ElementType.Float, "logit_count", _config.VocabularySize);
        _attention.Declare();
        var body = new DecoderBody(_graph, _weights, _config);
        var rows = _graph.Node("Gather", [body.Hidden(_attention.Block), "logit_rows"], ["rows"]);
        body.Logits(rows, "logits");
        return _graph;
    }
}
