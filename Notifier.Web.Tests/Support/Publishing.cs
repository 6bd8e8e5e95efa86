using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Redis;

namespace Notifier.Tests.Support;

/// <summary>Publishes over HTTP, as a backend without a Redis client does.</summary>
internal sealed record PublishAnswer(int Status, string ContentType, string Body, HttpResponseHeaders Headers)
{
    public JsonNode Json => JsonNode.Parse(Body)!;

    public string Detail => (string?)Json["detail"] ?? "";

    public TimeSpan? RetryAfter => Headers.RetryAfter?.Delta;
}

internal static class Publishing
{
    private static readonly HttpClient Client = new(new SocketsHttpHandler { UseCookies = false });

    /// <summary>Starts the application and waits for its connection to Redis, because publishing is answered with 503 before.</summary>
    public static async Task<NotifierApp> StartAsync(string redis, params string[] settings)
    {
        var app = await NotifierApp.StartAsync(redis, settings: settings);
        await Eventually.IsAsync(() => app.Services.GetRequiredService<RedisBackplane>().ConnectedCommands is not null, "Notifier is connected to Redis");
        return app;
    }

    /// <summary>Sends these bytes with POST to a percent-encoded path.</summary>
    public static Task<PublishAnswer> PostAsync(this NotifierApp app, string path, byte[] body, string? type = null, params (string Name, string Value)[] headers) =>
        PostAsync(app.Address, path, new ByteArrayContent(body), type, headers);

    public static Task<PublishAnswer> PostAsync(this NotifierApp app, string path, string body, string? type = null, params (string Name, string Value)[] headers) =>
        app.PostAsync(path, Encoding.UTF8.GetBytes(body), type, headers);

    /// <summary>Sends the body in chunks, without a length.</summary>
    public static Task<PublishAnswer> PostChunkedAsync(this NotifierApp app, string path, byte[] body) =>
        PostAsync(app.Address, path, new StreamContent(new MemoryStream(body)), null, [("Transfer-Encoding", "chunked")]);

    private static async Task<PublishAnswer> PostAsync(Uri address, string path, HttpContent content, string? type, (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, path)) { Content = content };
        if (type is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await Client.SendAsync(request).WaitAsync(Eventually.Limit);
        return new PublishAnswer(
            (int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType ?? "", await answer.Content.ReadAsStringAsync(), answer.Headers);
    }
}
