using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Tests.Architecture;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Recipes;

/// <summary>
/// The real TypeScript compiles the samples of Assets/recipes/typescript with the types that Notifier serves. A line after <c>@ts-expect-error</c> must be
/// an error, so that nothing is typed as <c>any</c>.
/// </summary>
public sealed partial class TypeScriptTests(RedisFixture fixture) : IClassFixture<RedisFixture>, IDisposable
{
    private const string Page = "embedding.md";

    private readonly string folder = Directory.CreateTempSubdirectory("notifier-typescript-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>With <c>esnext</c>, TypeScript's own library declares <c>Disposable</c> too.</summary>
    [Theory]
    [InlineData("typescript", "es2022")]
    [InlineData("typescript", "esnext")]
    [InlineData("typescript-5", "es2022")]
    public async Task The_global_of_a_script_tag_is_typed_and_so_is_a_module_at_a_url_with_the_paths_of_the_documentation(string compiler, string library)
    {
        PasteSample("page");
        File.Copy(Path.Combine(Repository.Root, "wwwroot-demo", "notifier.d.ts"), Path.Combine(folder, "src", "notifier.d.ts"));
        var page = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "docs", Page));

        await CompilesAsync(compiler, library, new() { ["paths"] = JsonNode.Parse(PathsOf().Match(page).Groups["paths"].Value) });
    }

    [Theory]
    [InlineData("typescript")]
    [InlineData("typescript-5")]
    public async Task A_copy_in_a_project_and_the_elements_in_templates_of_react_vue_and_svelte_are_typed(string compiler)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        PasteSample("copy");
        foreach (var block in CodeBlock.Under(Page, "The client in a project").Concat(CodeBlock.Under(Page, "TypeScript")))
        {
            if (block.Language == "sh")
                await Shell.RunAsync(folder, "bash", "-c", block.TextFor(app.Address));
            else
                await File.WriteAllTextAsync(Path.Combine(folder, Path.ChangeExtension(block.File, "ts")), block.Text);
        }
        await NodePackages.LinkAsync(folder);

        // Checking the types of React, Vue and Svelte themselves takes most of the time, and says nothing about ours.
        await CompilesAsync(compiler, "es2022", new() { ["skipLibCheck"] = true });
    }

    private void PasteSample(string name)
    {
        Directory.CreateDirectory(Path.Combine(folder, "src"));
        foreach (var file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Assets", "recipes", "typescript", name)))
            File.Copy(file, Path.Combine(folder, "src", Path.GetFileName(file)));
    }

    private async Task CompilesAsync(string compiler, string library, JsonObject options)
    {
        foreach (var (option, value) in Options(library))
            options[option] = value?.DeepClone();
        await File.WriteAllTextAsync(
            Path.Combine(folder, "tsconfig.json"),
            new JsonObject { ["compilerOptions"] = options, ["include"] = new JsonArray("src") }.ToJsonString());

        var program = Path.Combine(await NodePackages.FolderAsync(), "node_modules", compiler, "bin", "tsc");
        var (exitCode, output) = await Shell.TryAsync(folder, "node", program, "--project", folder);

        exitCode.Should().Be(0, output);
    }

    private static JsonObject Options(string library) => new()
    {
        ["strict"] = true,
        ["noEmit"] = true,
        ["target"] = "es2022",
        ["lib"] = new JsonArray(library, "dom"),
        ["types"] = new JsonArray(),
        ["module"] = "esnext",
        ["moduleResolution"] = "bundler",
        ["jsx"] = "react-jsx",
    };

    [GeneratedRegex("`\"paths\": (?<paths>{[^`]+})`")]
    private static partial Regex PathsOf();
}
