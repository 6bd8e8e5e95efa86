using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;
using Notifier.Tests.Support;

namespace Notifier.Tests.Browser;

/// <summary>The place that a page was opened from, which decides its origin.</summary>
public enum From
{
    /// <summary>A web server on this machine, as the presenter uses it: <c>http://localhost:…</c>.</summary>
    WebServer,

    /// <summary>A file: the origin is <c>null</c>.</summary>
    Disk,
}

/// <summary>A page of the slides, open in a browser. The test replaces only the address of the WebSocket.</summary>
internal sealed class Slides : IAsyncDisposable
{
    private const string Address = "ws://localhost:8081";

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("notifier-slides-");
    private WebApplication? server;

    private Slides(IPage page)
    {
        Page = page;
        page.PageError += (_, error) => Errors.Add(error);
    }

    public IPage Page { get; }

    /// <summary>Uncaught exceptions of the page's scripts.</summary>
    public List<string> Errors { get; } = [];

    public static async Task<Slides> OpenAsync(BrowserFixture browser, RedisServer redis, NotifierApp app, string file, From from)
    {
        await redis.NobodyListensAsync();
        var slides = new Slides(await browser.NewPageAsync());
        await slides.CopyAsync(file, $"ws://{app.Address.Authority}");
        // A real server is necessary: Chromium blocks connections to this machine from a page that Playwright fulfilled.
        await slides.Page.GotoAsync(from == From.Disk ? $"file://{slides.folder}/{file}" : $"{await slides.ServeAsync()}/{file}");
        return slides;
    }

    public async ValueTask DisposeAsync()
    {
        await Page.CloseAsync();
        if (server is not null)
            await server.DisposeAsync();
        folder.Delete(recursive: true);
    }

    private async Task CopyAsync(string file, string address)
    {
        var assets = Path.Combine(AppContext.BaseDirectory, "Assets");
        var html = await File.ReadAllTextAsync(Path.Combine(assets, file));
        html.Should().Contain(Address, Exactly.Once());
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, file), html.Replace(Address, address, StringComparison.Ordinal));
        File.Copy(Path.Combine(assets, "jquery.min.js"), Path.Combine(folder.FullName, "jquery.min.js"));
    }

    private async Task<string> ServeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        server = builder.Build();
        server.UseStaticFiles(new StaticFileOptions { FileProvider = new PhysicalFileProvider(folder.FullName) });
        await server.StartAsync();
        return $"http://localhost:{new Uri(server.Urls.First()).Port}";
    }
}
