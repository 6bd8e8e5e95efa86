using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using Notifier.Endpoints.Http;
using Channels = System.Threading.Channels;

namespace Notifier.Tests.Support;

/// <summary>
/// A server that speaks notifier.v1 as the test says, including features that Notifier does not have yet. It serves the client and an empty
/// page, and sends welcome and confirmations by itself.
/// </summary>
internal sealed class FakeNotifier : IAsyncDisposable
{
    /// <summary>A page that goes where the messages send it. So a test can follow it without the browser's tools, which lose a page that returns from the cache.</summary>
    private const string Walk =
        """
        <!doctype html><title>Client</title><script src=notifier.js></script>
        <script>
          const notifier = new Notifier(undefined, { OPTIONS });
          notifier.addEventListener("gap", () => fetch("/heard?data=gap"));
          notifier.channel("a", ({ data }) => {
            const [, verb, place] = /^(go|back|close)? ?(.*)/.exec(data);
            if (verb === "go") location = place;
            else if (verb === "back") history.back();
            else if (verb === "close") notifier.close();
            else fetch(`/heard?data=${data}`);
          });
        </script>
        """;

    private readonly WebApplication app;
    private readonly Channels.Channel<FakeConnection> accepted = Channels.Channel.CreateUnbounded<FakeConnection>();
    private readonly CancellationTokenSource ended = new();

    private FakeNotifier(WebApplication app) => this.app = app;

    public int Port => new Uri(app.Urls.First()).Port;

    public string Address => $"http://127.0.0.1:{Port}/";

    /// <summary>Whether WebSockets are accepted.</summary>
    public bool HasWebSockets { get; set; } = true;

    public bool IsReady { get; set; } = true;

    /// <summary>Ends the answer to <c>/suspend</c>: a page that waits for it synchronously does nothing else, like one that the browser has suspended.</summary>
    public TaskCompletionSource Suspension { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The server answers the closes of pages when this ends: until then, a page does not know that its connection has ended.</summary>
    public Task CloseAnswer { get; set; } = Task.CompletedTask;

    /// <summary>The only token that event streams accept, or null if they need none.</summary>
    public string? Token { get; set; }

    /// <summary>Closes each WebSocket with this close before anything else.</summary>
    public (int Code, string Reason)? ClosesWith { get; set; }

    /// <summary>Answers event streams in place of the server, like a proxy or the application behind it.</summary>
    public IResult? EventsAnswer { get; set; }

    /// <summary>The page.</summary>
    public string Html { get; set; } = "<!doctype html><title>Client</title><script src=notifier.js></script>";

    public ConcurrentQueue<string> Requests { get; } = [];

    /// <summary>What the pages at <c>/walk</c> received.</summary>
    public ConcurrentQueue<string> Heard { get; } = [];

    public static async Task<FakeNotifier> StartAsync(int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        var app = builder.Build();
        var fake = new FakeNotifier(app);
        app.Use((context, next) =>
        {
            fake.Requests.Enqueue(context.Request.Path + context.Request.QueryString);
            context.Response.Headers.AccessControlAllowOrigin = "*";
            return next(context);
        });
        app.UseWebSockets();
        // As Notifier serves them.
        foreach (var script in new[] { "notifier.js", "notifier-elements.js" })
            app.MapGet("/" + script, () => Results.Content(CompactScript.From(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "wwwroot-demo", script))), "text/javascript"));
        app.UseStaticFiles(new StaticFileOptions
        {
            FileProvider = new PhysicalFileProvider(Path.Combine(AppContext.BaseDirectory, "wwwroot-demo")),
        });
        app.MapGet("/", () => Results.Content(fake.Html, "text/html"));
        app.MapGet("/walk", (string? options) => Results.Content(Walk.Replace("OPTIONS", options ?? "", StringComparison.Ordinal), "text/html"));
        app.MapGet("/heard", (string data) => fake.Heard.Enqueue(data));
        app.MapGet("/healthz/ready", () => Results.StatusCode(fake.IsReady ? 200 : 503));
        app.MapGet("/isolated", static (HttpResponse response) =>
        {
            response.Headers["Cross-Origin-Opener-Policy"] = "same-origin";
            return Results.Content("<!doctype html><title>Isolated</title>", "text/html");
        });
        app.MapGet("/ws", fake.WebSocketAsync);
        app.MapPost("/events", fake.EventsAsync);
        app.MapGet("/suspend", () => fake.Suspension.Task);
        await app.StartAsync();
        return fake;
    }

    /// <summary>Waits for the next connection of a page.</summary>
    public async Task<FakeConnection> AcceptAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        return await accepted.Reader.ReadAsync(limit.Token);
    }

    public int Waiting => accepted.Reader.Count;

    public async ValueTask DisposeAsync()
    {
        await ended.CancelAsync();
        await app.DisposeAsync();
        ended.Dispose();
    }

    private async Task WebSocketAsync(HttpContext context)
    {
        if (!HasWebSockets)
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        using var socket = await context.WebSockets.AcceptWebSocketAsync("notifier.v1");
        if (ClosesWith is var (code, reason))
        {
            await socket.CloseOutputAsync((WebSocketCloseStatus)code, reason, ended.Token);
            accepted.Writer.TryWrite(new FakeConnection(_ => Task.CompletedTask, null));
            await DiscardAsync(socket);
            return;
        }
        await ServeAsync(new FakeConnection(text => socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, ended.Token), socket), socket);
    }

    /// <summary>What the page has sent already must be read: otherwise TCP resets the connection, and the page may not receive the close.</summary>
    private async Task DiscardAsync(WebSocket socket)
    {
        try
        {
            var buffer = new byte[16384];
            while ((await socket.ReceiveAsync(buffer, ended.Token)).MessageType != WebSocketMessageType.Close)
            {
            }
        }
        catch (Exception error) when (error is OperationCanceledException or WebSocketException)
        {
            // The page is gone, or the test has ended.
        }
    }

    private async Task ServeAsync(FakeConnection connection, WebSocket socket)
    {
        await connection.SendAsync(new { type = "welcome", connection = "fake", keepAlive = 25 });
        accepted.Writer.TryWrite(connection);
        try
        {
            var buffer = new byte[16384];
            while (await socket.ReceiveAsync(buffer, ended.Token) is { MessageType: WebSocketMessageType.Text } received)
                await connection.TakeAsync(JsonDocument.Parse(buffer.AsMemory(0, received.Count)).RootElement.Clone());
            if (socket.State == WebSocketState.CloseReceived)
            {
                await CloseAnswer.WaitAsync(ended.Token);
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ended.Token);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or WebSocketException)
        {
            // The page has closed, or the test has ended.
        }
        connection.Ended.TrySetResult();
    }

    private async Task EventsAsync(HttpContext context)
    {
        if (Token is not null && context.Request.Headers.Authorization != $"Bearer {Token}")
        {
            await Results.Problem("the token has expired", statusCode: StatusCodes.Status401Unauthorized).ExecuteAsync(context);
            return;
        }
        if (EventsAnswer is not null)
        {
            await EventsAnswer.ExecuteAsync(context);
            return;
        }
        using var body = new StreamReader(context.Request.Body);
        var query = await body.ReadToEndAsync();
        context.Response.ContentType = "text/event-stream";
        await context.Response.WriteAsync(":\n\n");
        await context.Response.Body.FlushAsync();
        var connection = new FakeConnection(
            async text =>
            {
                await context.Response.WriteAsync($"data: {text}\n\n");
                await context.Response.Body.FlushAsync();
            },
            null)
        {
            Authorization = context.Request.Headers.Authorization,
            Query = query,
        };
        foreach (var (kind, names) in QueryHelpers.ParseQuery(query).Where(static pair => pair.Key is "channel" or "pattern"))
        {
            foreach (var name in names)
                await connection.SendAsync(new Dictionary<string, object> { ["type"] = "subscribed", [kind] = name! });
        }
        accepted.Writer.TryWrite(connection);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ended.Token, context.RequestAborted);
        await connection.Ended.Task.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        connection.Ended.TrySetResult();
    }
}
