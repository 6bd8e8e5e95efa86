using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Endpoints;

/// <summary>The client scripts, as pages of other hosts load them.</summary>
public sealed class ClientScriptsTests(RedisFixture fixture, ITestOutputHelper output) : IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData("notifier.js", 6_144)]
    [InlineData("notifier-elements.js", 5_000)]
    public async Task A_client_script_is_served_compressed_below_its_size_limit(string file, int limit)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, file));
        request.Headers.Add("Accept-Encoding", "br, gzip");

        using var response = await http.SendAsync(request);

        var compressed = await response.Content.ReadAsByteArrayAsync();
        output.WriteLine($"{file}: {compressed.Length} bytes gzipped, as served (limit {limit})");
        response.Content.Headers.ContentEncoding.Should().Equal("gzip");
        compressed.Length.Should().BeLessThan(limit);
        using var text = new StreamReader(new GZipStream(new MemoryStream(compressed), CompressionMode.Decompress));
        (await text.ReadToEndAsync()).Should().Be(await http.GetStringAsync(new Uri(app.Address, file)));
    }

    [Fact]
    public async Task The_client_script_may_be_loaded_from_any_origin_and_is_revalidated_each_time()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: "environment=Production");
        using var http = new HttpClient();
        using var first = await http.GetAsync(new Uri(app.Address, "notifier.js"));
        using var again = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "notifier.js"));
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        again.Headers.Add("Origin", "https://elsewhere.example");
        using var second = await http.SendAsync(again);

        second.StatusCode.Should().Be(HttpStatusCode.NotModified);
        foreach (var response in new[] { first, second })
        {
            response.Headers.GetValues("Access-Control-Allow-Origin").Should().Equal("*");
            response.Headers.GetValues("Cross-Origin-Resource-Policy").Should().Equal("cross-origin");
            response.Headers.CacheControl!.ToString().Should().Be("no-cache");
        }
        first.Content.Headers.ContentType!.ToString().Should().Be("text/javascript; charset=utf-8");
    }

    [Fact]
    public async Task The_hashed_client_script_is_cached_for_a_year_and_matches_its_integrity()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        using var http = new HttpClient();
        using var snippets = JsonDocument.Parse(await http.GetStringAsync(new Uri(app.Address, "notifier.json")));
        var client = snippets.RootElement.GetProperty("notifier.js");

        using var response = await http.GetAsync(new Uri(app.Address, client.GetProperty("src").GetString()));

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        response.Headers.CacheControl!.ToString().Should().Be("public, max-age=31536000, immutable");
        var content = await response.Content.ReadAsByteArrayAsync();
        client.GetProperty("integrity").GetString().Should().Be("sha384-" + Convert.ToBase64String(SHA384.HashData(content)));
        using var unknown = await http.GetAsync(new Uri(app.Address, "notifier.0123456789abcdef.js"));
        unknown.StatusCode.Should().Be(HttpStatusCode.NotFound);
    }
}
