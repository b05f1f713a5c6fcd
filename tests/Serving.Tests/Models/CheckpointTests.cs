using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class CheckpointTests : IDisposable
{
    private const string First = "model-00001-of-00002.safetensors";
    private const string Second = "model-00002-of-00002.safetensors";

    private readonly TemporaryFolder _folder = new();

    private string Index => _folder.File(ModelFiles.WeightsIndex);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("F32", 1)]
    [InlineData("F16", 1)]
    [InlineData("BF16", 3)]
    [InlineData("F32", 3)]
    public void Every_tensor_is_found_wherever_it_lies(string dtype, int shards)
    {
        var written = HubFolder.WriteWeights(_folder.Path, TinyPolicy.Weights(TinyPolicy.Config, 1), dtype, shards);

        using var checkpoint = Checkpoint.Open(_folder.Path);

        Assert.Equal(written.Select(tensor => tensor.Name).Order(), checkpoint.Names.Order());
        Assert.Equal(Directory.GetFiles(_folder.Path).Select(path => Path.GetFileName(path)).Order(), checkpoint.Files.Order());
        foreach (var tensor in written)
        {
            var entry = checkpoint.Find(tensor.Name, [.. tensor.Shape]);
            var values = new float[entry.Count];
            checkpoint.ReadFloats(entry, values);
            Assert.Equal(tensor.Values.ToArray(), values);
            Assert.Equal(dtype, entry.DType);
            Assert.True(checkpoint.Has(tensor.Name));

            // The entry says where in which file the bytes lie: a graph points there.
            var bytes = File.ReadAllBytes(_folder.File(entry.File)).AsSpan((int)entry.Offset, (int)entry.Length);
            Assert.True(bytes.SequenceEqual(checkpoint.Bytes(entry)));
            unsafe
            {
                Assert.True(bytes.SequenceEqual(new ReadOnlySpan<byte>((void*)checkpoint.Address(entry), bytes.Length)));
            }
        }
    }

    [Fact]
    public void One_file_is_preferred_to_shards_that_lie_beside_it()
    {
        HubFolder.WriteWeights(_folder.Path, [new("w", [1], new float[] { 1 }), new("x", [1], new float[] { 1 })], shards: 2);
        HubFolder.WriteWeights(_folder.Path, [new("w", [1], new float[] { 2 })]);

        using var checkpoint = Checkpoint.Open(_folder.Path);

        Assert.Equal([ModelFiles.Weights], checkpoint.Files);
        Assert.False(checkpoint.Has("x"));
    }

    [Fact]
    public void A_missing_tensor_is_named_with_the_file_that_should_list_it()
    {
        TwoShards();
        using var checkpoint = Checkpoint.Open(_folder.Path);

        Assert.False(checkpoint.Has("c"));
        Assert.Equal($"{Index}: tensor \"c\" is missing.", Assert.Throws<ModelWeightsException>(() => checkpoint.Find("c")).Message);
        var e = Assert.Throws<ModelWeightsException>(() => checkpoint.Find("b", 2, 1));
        Assert.Equal($"{_folder.File(Second)}: tensor \"b\" has shape [2], but config.json calls for [2, 1].", e.Message);
    }

    [Fact]
    public void A_folder_without_weights_says_what_it_looked_for()
    {
        Assert.Equal($"{_folder.File(ModelFiles.Weights)}: no such file.", Assert.Throws<SafetensorsException>(() => Checkpoint.Open(_folder.Path)).Message);
    }

    [Theory]
    [InlineData("../model-00001-of-00002.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("sub/model.safetensors")]
    [InlineData("sub\\model.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("pytorch_model.bin")]
    public void A_name_that_is_no_shard_of_the_folder_is_refused(string name)
    {
        TwoShards();
        Rewrite(map => map["a"] = name);

        Refused($"weight_map names \"{name}\", which is not a .safetensors file of the folder itself.");
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        TwoShards();
        File.Delete(_folder.File(Second));

        Refused($"weight_map names {Second}, but there is no such file: copy it here.");
    }

    [Fact]
    public void A_tensor_that_its_shard_lacks_is_named()
    {
        TwoShards();
        Rewrite(map => map["c"] = First);

        Refused($"weight_map says that tensor \"c\" lies in {First}, but it does not.");
    }

    [Fact]
    public void A_tensor_in_another_shard_than_listed_is_named()
    {
        TwoShards();
        Rewrite(map => map["a"] = Second);
        Rewrite(map => map["b"] = First);

        Refused($"tensor \"a\" lies in {First}, but weight_map says that it lies in {Second}.");
    }

    [Fact]
    public void A_tensor_in_two_shards_is_named()
    {
        TwoShards();
        SafetensorsWriter.Write(_folder.File(Second), [new("a", [1], new float[1]), new("b", [2], new float[2])]);

        Refused($"tensor \"a\" lies both in {First} and in {Second}.");
    }

    [Fact]
    public void A_tensor_that_the_index_does_not_list_is_named()
    {
        TwoShards();
        SafetensorsWriter.Write(_folder.File(Second), [new("b", [2], new float[2]), new("z", [1], new float[1])]);

        Refused($"weight_map does not list tensor \"z\" of {Second}: they are not of one checkpoint.");
    }

    [Fact]
    public void A_shard_that_the_index_does_not_name_is_refused_and_other_files_are_not()
    {
        TwoShards();
        File.Copy(_folder.File(First), _folder.File("consolidated.safetensors"));
        Checkpoint.Open(_folder.Path).Dispose();

        File.Copy(_folder.File(First), _folder.File("model-00003-of-00003.safetensors"));
        Refused("weight_map does not name model-00003-of-00003.safetensors, which lies beside it");
    }

    [Theory]
    [InlineData("{}", "weight_map must be an object of tensor name to file name.")]
    [InlineData("""{"weight_map":{}}""", "weight_map must be an object")]
    [InlineData("""{"weight_map":[]}""", "weight_map must be an object")]
    [InlineData("""{"weight_map":{"a":1}}""", "weight_map: \"a\" must be the name of a file.")]
    [InlineData("""{"weight_map":{"a":"x","a":"y"}}""", "not valid JSON")]
    [InlineData("[]", "expected a JSON object.")]
    [InlineData("{", "not valid JSON")]
    public void A_damaged_index_is_refused(string text, string reason)
    {
        File.WriteAllText(Index, text);

        Refused(reason);
    }

    [Fact]
    public void Too_many_shards_are_refused_before_any_is_opened()
    {
        var map = new JsonObject();
        for (var i = 0; i < 1025; i++)
        {
            map[$"t{i}"] = $"{i}.safetensors";
        }

        File.WriteAllText(Index, new JsonObject { ["weight_map"] = map }.ToJsonString());

        Refused("weight_map names 1025 files; the limit is 1024.");
    }

    [Fact]
    public void A_truncated_shard_is_refused_by_its_own_name()
    {
        TwoShards();
        File.WriteAllBytes(_folder.File(Second), File.ReadAllBytes(_folder.File(Second))[..^1]);

        Assert.StartsWith(_folder.File(Second), Assert.Throws<SafetensorsException>(() => Checkpoint.Open(_folder.Path)).Message, StringComparison.Ordinal);
    }

    private void TwoShards() => HubFolder.WriteWeights(_folder.Path, [new("a", [1], new float[] { 1 }), new("b", [2], new float[] { 2, 3 })], shards: 2);

    private void Rewrite(Action<JsonObject> change)
    {
        var json = JsonNode.Parse(File.ReadAllText(Index))!;
        change(json["weight_map"]!.AsObject());
        File.WriteAllText(Index, json.ToJsonString());
    }

    private void Refused(string reason)
    {
        var e = Assert.Throws<CheckpointException>(() => Checkpoint.Open(_folder.Path));
        Assert.StartsWith(Index, e.Message, StringComparison.Ordinal);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }
}
