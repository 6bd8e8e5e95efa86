using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Bodies that violate HTTP are the client's fault: they get a status, and fill no log.</summary>
public sealed class BrokenBodyTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Headers = "Content-Type: application/x-www-form-urlencoded\r\nX-Api-Key: a key of a backend, long enough\r\n";
    private const string Chunked = "Transfer-Encoding: chunked\r\n\r\n";

    [Theory]
    [InlineData("/events", Chunked + "zz\r\n")]
    [InlineData("/publish/broken.a", Chunked + "zz\r\n")]
    [InlineData("/publish/broken.a", Chunked + "3\r\nabcdef\r\n")]
    [InlineData("/publish", Chunked + "zz\r\n")]
    [InlineData("/disconnect", Chunked + "zz\r\n")]
    public async Task A_malformed_body_is_answered_with_400_and_not_logged_as_an_error(string path, string body)
    {
        await using var app = await StartAsync();

        (await AskAsync(app, path, body)).Should().StartWith("HTTP/1.1 400 ");

        app.Log.Lines.Where(static line => line.Level >= LogLevel.Error).Should().BeEmpty();
    }

    [Theory]
    [InlineData("/events")]
    [InlineData("/publish/broken.a")]
    [InlineData("/disconnect")]
    public async Task A_client_that_leaves_in_the_middle_of_its_body_is_not_logged_as_an_error(string path)
    {
        await using var app = await StartAsync();

        using (await OpenRequest.EndlessAsync(app.Address, path, Headers))
            IsFull(await AskAsync(app, path, "Content-Length: 1\r\n\r\nx")).Should().BeTrue();

        await Eventually.IsAsync(async () => !IsFull(await AskAsync(app, path, "Content-Length: 1\r\n\r\nx")), "the request has ended");
        app.Log.Lines.Where(static line => line.Level >= LogLevel.Error).Should().BeEmpty();
    }

    private static bool IsFull(string answer) => answer.StartsWith("HTTP/1.1 503", StringComparison.Ordinal) || answer.Contains("overloaded", StringComparison.Ordinal);

    [Theory]
    [InlineData("/events", 20_000, true)]
    [InlineData("/events", 10, false)]
    [InlineData("/publish/broken.b", 20_000, true)]
    [InlineData("/publish/broken.b", 10, false)]
    public async Task A_large_body_of_a_refused_request_is_not_read(string path, int length, bool closes)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: [.. KnownProxy.Settings, "Limits:RequestsPerSecond=1"]);
        var request = $"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{new string('x', length)}";
        var answer = "";
        var requests = new List<OpenRequest>();     // they stay open: an address that leaves event streams again and again is refused in another way

        await Eventually.IsAsync(
            async () =>
            {
                requests.Add(await OpenRequest.SendAsync(app.Address, request));
                return (answer = await requests[^1].ReadStartAsync()).StartsWith("HTTP/1.1 429 ", StringComparison.Ordinal);
            },
            "the address is refused");

        requests.ForEach(static one => one.Dispose());
        answer.Contains("Connection: close", StringComparison.Ordinal).Should().Be(closes);
    }

    private Task<NotifierApp> StartAsync() => NotifierApp.StartAsync(
        fixture.Redis.Configuration,
        settings: [
            "Access:ApiKeys:0:Name=backend", "Access:ApiKeys:0:Secret=a key of a backend, long enough", "Access:ApiKeys:0:Disconnect=true", "Access:ApiKeys:0:Publish:0=*",
            "Access:ApiKeys:0:Subscribe:0=*", "Limits:Requests=1", "Limits:Connections=1",
        ]);

    private static async Task<string> AskAsync(NotifierApp app, string path, string body)
    {
        using var request = await OpenRequest.SendAsync(app.Address, Request(path, body));
        return await request.ReadToEndAsync();
    }

    private static string Request(string path, string body) =>
        $"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{Headers}{body}";
}
