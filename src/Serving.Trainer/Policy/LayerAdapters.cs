using Serving.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Policy;

/// <summary>The LoRA of a layer: one adapter for each of its four packed matrices.</summary>
internal sealed class LayerAdapters : nn.Module
{
    public LayerAdapters(DecoderConfig config, int rank, double alpha, Generator generator, ScalarType precision)
        : base("adapters")
    {
        int d = config.HiddenSize, ff = config.IntermediateSize;
        int queries = config.Heads * config.HeadDimension, keys = config.KeyValueHeads * config.HeadDimension;
        QueryKeyValue = Adapter("qkv", d, queries, keys, keys);
        Output = Adapter("output", queries, d);
        GateUp = Adapter("gate_up", d, ff, ff);
        Down = Adapter("down", ff, d);

        LowRankAdapter Adapter(string name, int inputs, params int[] outputs)
        {
            var adapter = new LowRankAdapter(name, inputs, outputs, rank, alpha, generator, precision);
            register_module(name, adapter);
            return adapter;
        }
    }

    public LowRankAdapter QueryKeyValue { get; }

    public LowRankAdapter Output { get; }

    public LowRankAdapter GateUp { get; }

    public LowRankAdapter Down { get; }
}
