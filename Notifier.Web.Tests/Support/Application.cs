using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Notifier.Tests.Support;

/// <summary>An application with its own sessions, which answers when Notifier asks for the access of a client.</summary>
internal sealed class Application : IAsyncDisposable
{
    private readonly WebApplication app;

    private Application(WebApplication app) => this.app = app;

    /// <summary>The requests that it received: method, cookies, origin, address.</summary>
    public ConcurrentQueue<string> Asked { get; } = [];

    /// <summary>The largest number of concurrent requests.</summary>
    public int MaxAtOnce { get; private set; }

    public Func<HttpContext, Task> Answer { get; set; } = Grant("""{"sub":"42","subscribe":["callback.*"],"expiresIn":300}""");

    public string Address => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    public static Func<HttpContext, Task> Grant(string json) => context => context.Response.WriteAsync(json);

    public static Func<HttpContext, Task> Status(int status, string location = "") => context =>
    {
        context.Response.StatusCode = status;
        if (location.Length > 0)
            context.Response.Headers.Location = location;
        return Task.CompletedTask;
    };

    public static async Task<Application> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var application = new Application(builder.Build());
        application.app.Run(application.HandleAsync);
        await application.app.StartAsync();
        return application;
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
    }

    private int atOnce;

    private async Task HandleAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        Asked.Enqueue($"{context.Request.Method} {headers.Cookie} {headers.Origin} {headers["X-Forwarded-For"]}");
        var now = Interlocked.Increment(ref atOnce);
        lock (app)
            MaxAtOnce = Math.Max(MaxAtOnce, now);
        try
        {
            await Answer(context);
        }
        finally
        {
            Interlocked.Decrement(ref atOnce);
        }
    }
}
