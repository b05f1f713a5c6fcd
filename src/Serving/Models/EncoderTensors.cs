namespace Serving.Models;

/// <summary>Every tensor that a scorer's checkpoint must hold. What it holds besides is of no concern.</summary>
public static class EncoderTensors
{
    /// <summary>In the order of the layers.</summary>
    public static IEnumerable<RequiredTensor> Of(EncoderConfig config)
    {
        long d = config.HiddenSize, inner = config.IntermediateSize;
        var embeddings = new List<RequiredTensor>
        {
            new("bert.embeddings.word_embeddings.weight", config.VocabularySize, d),
            new("bert.embeddings.position_embeddings.weight", config.MaxPositions, d),
            new("bert.embeddings.token_type_embeddings.weight", config.TypeVocabularySize, d),
        };
        var layers = Enumerable.Range(0, config.Layers).Select(i => $"bert.encoder.layer.{i}.").SelectMany(layer => (RequiredTensor[])
        [
            .. Dense(layer + "attention.self.query", d, d),
            .. Dense(layer + "attention.self.key", d, d),
            .. Dense(layer + "attention.self.value", d, d),
            .. Dense(layer + "attention.output.dense", d, d),
            .. Norm(layer + "attention.output.LayerNorm"),
            .. Dense(layer + "intermediate.dense", inner, d),
            .. Dense(layer + "output.dense", d, inner),
            .. Norm(layer + "output.LayerNorm"),
        ]);
        RequiredTensor[] head = [.. Dense("bert.pooler.dense", d, d), .. Dense("classifier", config.Labels.Count, d)];
        return [.. embeddings, .. Norm("bert.embeddings.LayerNorm"), .. layers, .. head];

        RequiredTensor[] Norm(string name) => [new(name + ".weight", d), new(name + ".bias", d)];

        static RequiredTensor[] Dense(string name, long rows, long columns) => [new(name + ".weight", rows, columns), new(name + ".bias", rows)];
    }
}
