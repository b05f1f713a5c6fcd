using Serving.Models;

namespace Serving.Onnx;

/// <summary>The rotary tables of a decoder as constants of its graph.</summary>
internal static class RotaryNodes
{
    private const long LargestTable = 1 << 28;       // values: cos and sin lie within the graph file, which protobuf limits to 2 GB

    /// <summary>"cos_cache" and "sin_cache": cos and sin of position * frequency, [MaxPositions, hd/2].</summary>
    /// <exception cref="ModelConfigException">The tables are too large for a graph.</exception>
    public static void Declare(GraphWriter graph, DecoderConfig config)
    {
        var half = config.HeadDimension / 2;
        var count = (long)config.MaxPositions * half;
        if (2 * count > LargestTable)
        {
            throw new ModelConfigException(
                $"{ModelFiles.Config}: max_position_embeddings {config.MaxPositions} with heads of {config.HeadDimension} makes a rotary table that no graph "
                + $"file holds; {LargestTable / config.HeadDimension} positions fit: lower max_position_embeddings.");
        }

        var cos = new float[count];
        var sin = new float[count];
        var frequencies = config.RotaryFrequencies();
        for (var i = 0; i < half; i++)
        {
            for (var position = 0; position < config.MaxPositions; position++)
            {
                (sin[(position * half) + i], cos[(position * half) + i]) = ((float, float))Math.SinCos(position * frequencies[i]);
            }
        }

        graph.Constant("cos_cache", cos, config.MaxPositions, half);
        graph.Constant("sin_cache", sin, config.MaxPositions, half);
    }
}
