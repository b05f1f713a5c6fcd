using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Onnx;
using Serving.Tokenization;

namespace Serving.Import;

/// <summary>
/// Turns a Hugging Face checkpoint folder into a version of the registry: checks that config, weights and tokenizer belong together, takes the files
/// over as they are, and writes the graph and the manifest. The weights are never converted. A folder without safetensors but with a model.onnx that
/// somebody has exported is taken over with that graph. Stateless; the source folder is only read.
/// </summary>
internal sealed class ModelImport(ModelStore store)
{
    private static readonly string[] _companions =
        [ModelFiles.Config, ModelFiles.GenerationConfig, ModelFiles.Tokenizer, ModelFiles.TokenizerConfig, ModelFiles.ChatTemplate];

    /// <summary>Imports a folder as the next version of a name. Everything is checked before the first byte is copied.</summary>
    /// <param name="folder">With config.json, tokenizer.json and *.safetensors (one, or shards with their index).</param>
    /// <param name="name">Of the model in the registry.</param>
    /// <param name="link">Hard links instead of copies: no time and no disk, but a later edit of the source damages the version.</param>
    /// <exception cref="ModelException">
    /// A file is missing, damaged or unsupported, or contradicts another; the message names it and the field or tensor.
    /// </exception>
    /// <exception cref="TokenizerException">tokenizer.json or the chat template cannot be used.</exception>
    /// <exception cref="IOException">A file cannot be copied or linked.</exception>
    public ImportReport Run(string folder, string name, bool link)
    {
        folder = Path.GetFullPath(folder);
        if (!Directory.Exists(folder))
        {
            throw new ModelException($"{folder}: no such folder; name the folder of a checkpoint, with its config.json.");
        }

        var scorer = ScorerConfig.Matches(folder);
        var (family, vocabulary, tensors) = scorer ? Scorer(folder) : Policy(folder);
        var exported = ExportedGraph.Matches(folder);
        var (dtypes, weights) = exported ? ([], ExportedGraph.Files(folder)) : Check(folder, tensors);
        CheckTokenizer(folder, vocabulary);
        if (exported)
        {
            ExportedGraph.Check(folder, scorer);
        }

        string[] files = [.. _companions.Where(file => File.Exists(Path.Combine(folder, file))), .. weights];
        var training = new JsonObject { ["command"] = "import", ["source"] = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)) };
        var version = store.Publish(name, scorer ? ModelKind.Scorer : ModelKind.Policy, staging =>
        {
            foreach (var file in files)
            {
                TakeOver(Path.Combine(folder, file), Path.Combine(staging, file), link);
            }

            if (exported)
            {
                return;
            }

            WriteGraph(staging, scorer);
        }, training: training);
        return new ImportReport(version, family, tensors.Sum(tensor => tensor.Count), dtypes);
    }

    private static (string Family, int Vocabulary, IEnumerable<RequiredTensor> Tensors) Policy(string folder)
    {
        var config = DecoderConfig.Read(folder);
        return (config.Family.ToString(), config.VocabularySize, DecoderTensors.Of(config));
    }

    private static (string Family, int Vocabulary, IEnumerable<RequiredTensor> Tensors) Scorer(string folder)
    {
        if (LikelihoodConfig.Matches(folder))
        {
            var likelihood = LikelihoodConfig.Read(folder);
            return ($"{likelihood.Decoder.Family} likelihood", likelihood.Decoder.VocabularySize, LikelihoodTensors.Of(likelihood));
        }

        var config = EncoderConfig.Read(folder);
        return ("BERT", config.VocabularySize, EncoderTensors.Of(config));
    }

    /// <summary>Finds every tensor that the config calls for, in its shape.</summary>
    private static (IReadOnlyList<string> DTypes, IReadOnlyList<string> Files) Check(string folder, IEnumerable<RequiredTensor> tensors)
    {
        using var checkpoint = Checkpoint.Open(folder);
        var dtypes = tensors.Select(tensor => checkpoint.Find(tensor.Name, [.. tensor.Shape]).DType).ToHashSet();
        return ([.. dtypes.Order(StringComparer.Ordinal)], checkpoint.Files);
    }

    private static void CheckTokenizer(string folder, int vocabulary)
    {
        var path = Path.Combine(folder, ModelFiles.Tokenizer);
        if (!File.Exists(path))
        {
            throw new ModelException(
                $"{path}: no such file. A version needs the tokenizer in this form; transformers' AutoTokenizer writes it from the other forms "
                + "(save_pretrained).");
        }

        var tokenizer = TextTokenizer.Load(folder);
        if (tokenizer.VocabularySize > vocabulary)
        {
            throw new ModelConfigException(
                $"{Path.Combine(folder, ModelFiles.Config)}: vocab_size is {vocabulary}, but {ModelFiles.Tokenizer} has {tokenizer.VocabularySize} tokens: "
                + "they are not of one model.");
        }
    }

    private static void WriteGraph(string folder, bool scorer)
    {
        if (!scorer)
        {
            DecoderGraph.Write(folder);
        }
        else if (LikelihoodConfig.Matches(folder))
        {
            LikelihoodGraph.Write(folder);
        }
        else
        {
            EncoderGraph.Write(folder);
        }
    }

    private static void TakeOver(string source, string target, bool link)
    {
        if (link)
        {
            try
            {
                HardLink.Create(source, target);
            }
            catch (IOException e)
            {
                throw new ModelException($"{e.Message} Copy it instead, without --link.", e);
            }
        }
        else
        {
            File.Copy(source, target);
        }
    }
}
