namespace Notifier.Tests.Recipes;

/// <summary>
/// A fresh project of <c>npm create vite</c>, into which a test pastes code blocks of the documentation. Only Notifier's address is replaced, and the
/// packages are those of <see cref="NodePackages"/>.
/// </summary>
internal sealed class ViteProject : IDisposable
{
    private readonly DirectoryInfo parent = Directory.CreateTempSubdirectory("notifier-vite-");
    private readonly Uri notifier;

    private ViteProject(Uri notifier, string name)
    {
        this.notifier = notifier;
        Folder = Path.Combine(parent.FullName, name);
    }

    /// <summary>The folder of package.json.</summary>
    public string Folder { get; }

    /// <param name="template">A template of create-vite.</param>
    /// <param name="notifier">The address of a Notifier that runs now.</param>
    /// <param name="name">The name of the folder.</param>
    public static async Task<ViteProject> CreateAsync(string template, Uri notifier, string name = "shop")
    {
        var project = new ViteProject(notifier, name);
        var program = Path.Combine(await NodePackages.FolderAsync(), "node_modules", "create-vite", "index.js");
        await Shell.RunAsync(project.parent.FullName, "node", program, name, "--template", template, "--no-interactive");
        await NodePackages.LinkAsync(project.Folder);
        return project;
    }

    /// <summary>Runs the commands and saves the files, in the order of the page.</summary>
    /// <param name="blocks">Code blocks.</param>
    /// <param name="folder">What the names of the files on the page begin with, if the project is in a folder of another one.</param>
    public async Task PasteAsync(IEnumerable<CodeBlock> blocks, string folder = "")
    {
        foreach (var block in blocks)
        {
            if (block.Language == "sh")
                await Shell.RunAsync(Folder, "bash", "-c", block.TextFor(notifier));
            else if (block.File.StartsWith(folder, StringComparison.Ordinal) && block.File.Length > 0)
            {
                var path = Path.Combine(Folder, block.File[folder.Length..]);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await File.WriteAllTextAsync(path, block.TextFor(notifier));
            }
        }
    }

    /// <summary>Adds code of the test to a file of the template.</summary>
    public Task AppendAsync(string file, string code) => File.AppendAllTextAsync(Path.Combine(Folder, file), $"\n{code}\n");

    /// <summary>Builds in the mode in which React's StrictMode mounts each component twice.</summary>
    public Task BuildAsync() => Shell.RunAsync(
        Folder, "env", "NODE_ENV=development", "node", Path.Combine("node_modules", "vite", "bin", "vite.js"), "build", "--mode", "development");

    public void Dispose() => parent.Delete(recursive: true);
}
