using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Notifier.Tests.Support;

/// <summary>A web server with a page, whose origin differs from the application's: the site of another team.</summary>
internal sealed class Site : IAsyncDisposable
{
    private readonly WebApplication app;

    private Site(WebApplication app) => this.app = app;

    public string Address => $"http://localhost:{new Uri(app.Urls.First()).Port}/";

    /// <param name="html">The page.</param>
    /// <param name="policy">Its Content-Security-Policy.</param>
    /// <param name="more">Further pages, and scripts (<c>.js</c>), by their paths.</param>
    public static async Task<Site> StartAsync(string html, string? policy = null, params (string Path, string Content)[] more)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.MapGet("/", (HttpResponse response) =>
        {
            response.Headers.ContentSecurityPolicy = policy;
            return Results.Content(html, "text/html");
        });
        foreach (var (path, content) in more)
            app.MapGet(path, () => Results.Content(content, path.EndsWith(".js", StringComparison.Ordinal) ? "text/javascript" : "text/html"));
        await app.StartAsync();
        return new Site(app);
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
