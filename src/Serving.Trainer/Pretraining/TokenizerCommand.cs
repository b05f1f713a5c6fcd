using System.CommandLine;
using Serving.Tokenization;

namespace Serving.Trainer.Pretraining;

/// <summary>Verb "tokenizer": trains a byte-level BPE vocabulary on the task's texts.</summary>
internal static class TokenizerCommand
{
    public static Command Create()
    {
        var data = new Option<string>("--data") { Required = true, Description = "JSON Lines with document and summary." };
        var size = new Option<int>("--vocabulary") { DefaultValueFactory = _ => 4096, Description = "Entries in all." };
        var folder = new Option<string>("--out") { Required = true, Description = "Folder for tokenizer.json and tokenizer_config.json." };
        var command = new Command("tokenizer", "Train a byte-level BPE tokenizer.") { data, size, folder };
        command.SetAction(arguments =>
        {
            var texts = TaskExample.Read(arguments.GetRequiredValue(data)).SelectMany(example => new[] { example.Document, example.Summary });
            var vocabulary = BytePairTrainer.Train(texts, arguments.GetValue(size), TaskTokens.Specials);
            Directory.CreateDirectory(arguments.GetRequiredValue(folder));
            vocabulary.Write(arguments.GetRequiredValue(folder), TaskTokens.ChatTemplate);
            Console.WriteLine($"{vocabulary.Specials.Count + vocabulary.Entries.Count} entries");
        });
        return command;
    }
}
