using Microsoft.ML.OnnxRuntime;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Onnx;

public sealed class GraphWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_graph_computes_with_weights_that_stay_in_the_safetensors_file()
    {
        var weights = WriteWeights();
        var graph = new GraphWriter("test");
        graph.Input("x", ElementType.Float, "rows", 2);
        graph.Output("y", ElementType.Float, "rows", 3);
        var stacked = graph.Packed("stacked", weights["a"], weights["b"]);       // rows (1,2), (3,4), (5,6)
        var product = graph.Node("Gemm", ["x", stacked], ["product"], attributes: [("transB", 1L)]);
        var shifted = graph.Node("Add", [product, graph.Weight(weights["bias"])], ["shifted"]);
        graph.Node("Mul", [shifted, graph.Constant("scale", [0.5f])], ["y"]);
        graph.Save(_folder.File(ModelFiles.Graph));

        using var model = OnnxModel.Load(_folder.File(ModelFiles.Graph), new OnnxOptions { Threads = 1 });
        using var input = OrtValue.CreateTensorValueFromMemory([1f, 10f, 0f, -1f], [2, 2]);
        using var options = new RunOptions();
        using var results = model.Session.Run(options, ["x"], [input], ["y"]);

        Assert.Equal([2, 3], results[0].GetTensorTypeAndShape().Shape);
        Assert.Equal([60.5f, 121.5f, 182.5f, 49f, 98f, 147f], results[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void Every_kind_of_attribute_and_constant_reaches_onnx_runtime()
    {
        var graph = new GraphWriter("attributes");
        graph.Input("x", ElementType.Float, 1, 4);
        graph.Output("sum", ElementType.Float, 1, 2);
        graph.Output("gelu", ElementType.Float, 1, 4);
        graph.Output("index", ElementType.Int32, 3);
        graph.Output("listed", ElementType.Float, 2);
        graph.Node("Split", ["x", graph.Constant("sizes", [2L, 2L], 2)], ["left", "right"], attributes: [("axis", -1L)]);
        graph.Node("Add", ["left", "right"], ["sum"]);
        graph.Node("QuickGelu", ["x"], ["gelu"], GraphWriter.Microsoft, ("alpha", 1f));
        graph.Node("Identity", [graph.Constant("ids", [7, -8, 9], 3)], ["index"]);
        graph.Node("Constant", [], ["listed"], attributes: [("value_floats", new[] { 1.5f, -2f })]);
        graph.Save(_folder.File(ModelFiles.Graph));

        using var model = OnnxModel.Load(_folder.File(ModelFiles.Graph), new OnnxOptions { Threads = 1 });
        using var input = OrtValue.CreateTensorValueFromMemory([1f, -1f, 2f, 0f], [1, 4]);
        using var options = new RunOptions();
        using var results = model.Session.Run(options, ["x"], [input], ["sum", "gelu", "index", "listed"]);

        Assert.Equal([3f, -1f], results[0].GetTensorDataAsSpan<float>().ToArray());
        Assert.Equal(1 / (1 + Math.Exp(-1)), results[1].GetTensorDataAsSpan<float>()[0], 6);
        Assert.Equal([7, -8, 9], results[2].GetTensorDataAsSpan<int>().ToArray());
        Assert.Equal([1.5f, -2f], results[3].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void Tensors_that_lie_apart_are_not_packed()
    {
        var weights = WriteWeights();

        Assert.True(GraphWriter.Adjacent(weights["a"], weights["b"]));
        Assert.False(GraphWriter.Adjacent(weights["b"], weights["a"]));
        Assert.False(GraphWriter.Adjacent(weights["a"], weights["b"] with { File = "other.safetensors" }));
        Assert.False(GraphWriter.Adjacent(weights["a"], weights["b"] with { DType = "BF16" }));
        Assert.Throws<ArgumentException>(() => new GraphWriter("test").Packed("p", weights["a"], weights["bias"]));
    }

    [Fact]
    public void A_weight_asked_for_twice_is_one_initialiser_and_other_names_must_differ()
    {
        var weights = WriteWeights();
        var graph = new GraphWriter("test");

        Assert.Equal(graph.Weight(weights["a"]), graph.Weight(weights["a"]));
        Assert.Throws<ArgumentException>(() => graph.Constant("a", [1f]));
    }

    [Fact]
    public void Loading_names_the_path_when_the_graph_is_missing_damaged_or_without_its_weights()
    {
        var path = _folder.File(ModelFiles.Graph);
        Assert.Contains(path, Assert.Throws<ModelException>(() => OnnxModel.Load(path, new OnnxOptions())).Message, StringComparison.Ordinal);

        File.WriteAllText(path, "this is not protobuf");
        Assert.Contains(path, Assert.Throws<ModelException>(() => OnnxModel.Load(path, new OnnxOptions())).Message, StringComparison.Ordinal);

        var graph = new GraphWriter("test");
        graph.Output("y", ElementType.Float, 1, 2);
        graph.Node("Identity", [graph.Weight(WriteWeights()["a"])], ["y"]);
        graph.Save(path);
        File.Delete(_folder.File(ModelFiles.Weights));
        Assert.Contains(path, Assert.Throws<ModelException>(() => OnnxModel.Load(path, new OnnxOptions())).Message, StringComparison.Ordinal);
    }

#if !CUDA
    [Fact]
    public void A_graphics_processor_that_this_build_cannot_use_is_refused_with_what_to_do()
    {
        var path = _folder.File(ModelFiles.Graph);
        var graph = new GraphWriter("test");
        graph.Output("y", ElementType.Float, 1, 2);
        graph.Node("Identity", [graph.Weight(WriteWeights()["a"])], ["y"]);
        graph.Save(path);
        var options = new OnnxOptions { ExecutionProvider = ExecutionProvider.Cuda };

        Assert.Contains("-p:Accelerator=cuda", Assert.Throws<ModelException>(() => OnnxModel.Load(path, options)).Message, StringComparison.Ordinal);
        OnnxModel.Load(path, new OnnxOptions()).Dispose();
    }
#endif

    private IReadOnlyDictionary<string, TensorEntry> WriteWeights()
    {
        var path = _folder.File(ModelFiles.Weights);
        SafetensorsWriter.Write(path,
        [
            new NamedTensor("a", [1, 2], new[] { 1f, 2f }),
            new NamedTensor("b", [2, 2], new[] { 3f, 4f, 5f, 6f }),
            new NamedTensor("unused", [1], new[] { 9f }),
            new NamedTensor("bias", [3], new[] { 100f, 200f, 300f }),
        ]);
        using var file = SafetensorsFile.Open(path);
        return file.Tensors;
    }
}
