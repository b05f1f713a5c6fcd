using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Tokenization;

namespace Serving.Import;

/// <summary>
/// The verb "import": a Hugging Face checkpoint folder becomes the next version of a model. Exit codes: 0 = the version is there, 1 = it is not, and
/// the reason was told.
/// </summary>
public static class ImportCommand
{
    private const int NotImported = 1;

    public static Command Create()
    {
        var folder = new Argument<string>("folder")
        {
            Description = "Checkpoint folder: config.json, tokenizer.json, *.safetensors (or an exported model.onnx).",
        };
        var name = new Option<string>("--name") { Description = "Name of the model in the registry.", Required = true };
        var models = new Option<string?>("--models") { Description = "Registry root [default: Models:Root of the configuration]." };
        var link = new Option<bool>("--link") { Description = "Hard links instead of copies; the source must not be edited afterwards." };
        var command = new Command("import", "Makes a version of the registry from a Hugging Face checkpoint folder.") { folder, name, models, link };
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(folder), parsed.GetRequiredValue(name), parsed.GetValue(models), parsed.GetValue(link)));
        return command;
    }

    private static int Run(string folder, string name, string? models, bool link)
    {
        try
        {
            using var host = Host(models);
            Show(new ModelImport(host.Services.GetRequiredService<ModelStore>()).Run(folder, name, link));
            return 0;
        }
        catch (Exception e) when (e is ModelException or TokenizerException or OptionsValidationException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return NotImported;
        }
    }

    private static void Show(ImportReport report)
    {
        var count = report.Parameters.ToString("N0", CultureInfo.InvariantCulture);
        var dtypes = report.DTypes.Count == 0 ? "a graph exported by others" : string.Join(" and ", report.DTypes);
        var kind = report.Version.Manifest.Kind.ToString().ToLowerInvariant();
        Console.Out.WriteLine($"{report.Version.Id}: {report.Family} {kind}, {count} parameters in {dtypes}, in {report.Version.Path}");
        foreach (var file in report.Version.Manifest.Files.Keys.Append(ModelFiles.Manifest).Order(StringComparer.Ordinal))
        {
            Console.Out.WriteLine($"{new FileInfo(report.Version.File(file)).Length.ToString("N0", CultureInfo.InvariantCulture),20}  {file}");
        }
    }

    /// <summary>The server's configuration and its registry, not started.</summary>
    private static IHost Host(string? models)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        if (models is not null)
        {
            builder.Configuration.AddInMemoryCollection([new($"{ModelOptions.Section}:{nameof(ModelOptions.Root)}", Path.GetFullPath(models))]);
        }

        builder.Logging.ClearProviders();
        builder.AddModels();
        return builder.Build();
    }
}
