using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Notifier.Endpoints.Http;

/// <summary>
/// Serves the JavaScript client to pages of all origins: under its plain name, which is always the newest version, and under a name with a hash of its
/// content, for Subresource Integrity. The files are read and compressed once, at the start. The large ones are served without comments and white space
/// (<see cref="CompactScript"/>), so hashes and integrity values are not those of the files in the repository.
/// </summary>
internal sealed class ClientScripts
{
    private const string JavaScript = "text/javascript; charset=utf-8";

    private static readonly (string File, string Type, bool IsCompact)[] Files =
    [
        ("notifier.js", JavaScript, true), ("notifier.mjs", JavaScript, false), ("notifier-elements.js", JavaScript, true),
        ("notifier.d.ts", "text/plain; charset=utf-8", false),
    ];

    private readonly Dictionary<string, Answer> answers = [];

    public ClientScripts(IWebHostEnvironment environment)
    {
        var snippets = new Dictionary<string, ClientScript>();
        foreach (var (name, type, isCompact) in Files)
        {
            var file = Read(environment.WebRootFileProvider.GetFileInfo(name));
            var content = isCompact ? Encoding.UTF8.GetBytes(CompactScript.From(Encoding.UTF8.GetString(file))) : file;
            var hash = Convert.ToHexStringLower(SHA256.HashData(content))[..16];
            var hashed = name.Insert(name.IndexOf('.', StringComparison.Ordinal), "." + hash);
            var answer = new Answer(content, Compress(content), type, $"\"{hash}\"", "no-cache");
            answers.Add("/" + name, answer);
            answers.Add("/" + hashed, answer with { CacheControl = "public, max-age=31536000, immutable" });
            snippets.Add(name, new ClientScript(hashed, "sha384-" + Convert.ToBase64String(SHA384.HashData(content))));
        }
        Snippets = snippets;
    }

    /// <summary>Each file's name with its hash, and its integrity value.</summary>
    public IReadOnlyDictionary<string, ClientScript> Snippets { get; }

    /// <returns>False when the request is for something else.</returns>
    public bool TryAnswer(HttpContext context, out Task answered)
    {
        answered = Task.CompletedTask;
        var isGet = HttpMethods.IsGet(context.Request.Method);
        if (!(isGet || HttpMethods.IsHead(context.Request.Method)) || !answers.TryGetValue(context.Request.Path.Value ?? "", out var answer))
            return false;
        answered = AnswerAsync(context, answer, isGet);
        return true;
    }

    private static async Task AnswerAsync(HttpContext context, Answer answer, bool hasBody)
    {
        var headers = context.Response.Headers;
        // The files are public and use no cookies: any page may load them, including one that isolates itself (COEP).
        headers.AccessControlAllowOrigin = "*";
        headers["Cross-Origin-Resource-Policy"] = "cross-origin";
        headers.Vary = "Accept-Encoding";
        headers.CacheControl = answer.CacheControl;
        headers.ETag = answer.ETag;
        // As text: to parse a long list takes a millisecond. The tag has its quotes, so it is found only as a whole, weak or not.
        if (context.Request.Headers.IfNoneMatch.Any(tags => tags!.Contains(answer.ETag, StringComparison.Ordinal)))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        var isGzip = context.Request.GetTypedHeaders().AcceptEncoding.Any(static coding => coding.Value == "gzip" && coding.Quality is not 0);
        var body = isGzip ? answer.Gzip : answer.Content;
        if (isGzip)
            headers.ContentEncoding = "gzip";
        context.Response.ContentType = answer.Type;
        context.Response.ContentLength = body.Length;
        if (hasBody)
            await context.Response.Body.WriteAsync(body);
    }

    private static byte[] Read(IFileInfo file)
    {
        using var stream = file.CreateReadStream();
        var content = new byte[file.Length];
        stream.ReadExactly(content);
        return content;
    }

    private static byte[] Compress(byte[] content)
    {
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.SmallestSize))
            gzip.Write(content);
        return compressed.ToArray();
    }

    private sealed record Answer(byte[] Content, byte[] Gzip, string Type, string ETag, string CacheControl);
}

/// <summary>The values of <c>src</c> and <c>integrity</c>.</summary>
internal sealed record ClientScript(string Src, string Integrity);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(IReadOnlyDictionary<string, ClientScript>))]
internal sealed partial class ClientJson : JsonSerializerContext;

/// <summary>
/// Ignores headers that are far longer than a client needs to ask whether its copy of a file is current, or for a part of it, because ASP.NET Core parses them
/// as lists. Such a client receives the whole file.
/// </summary>
internal static class LongPreconditions
{
    private const int MaxLength = 1024;

    private static readonly string[] Lists = [HeaderNames.AcceptEncoding, HeaderNames.IfMatch, HeaderNames.IfNoneMatch, HeaderNames.IfRange, HeaderNames.Range];

    /// <summary>Comes before all files.</summary>
    public static void UseLongPreconditions(this IApplicationBuilder app) => app.Use(static (context, next) =>
    {
        var headers = context.Request.Headers;
        foreach (var name in Lists)
        {
            if (headers.TryGetValue(name, out var values) && LengthOf(values) > MaxLength)
                headers.Remove(name);
        }
        return next(context);
    });

    private static int LengthOf(StringValues values)
    {
        var length = 0;
        foreach (var value in values)
            length += value?.Length ?? 0;
        return length;
    }
}

internal static class ClientRoute
{
    /// <summary>Comes before the static files, whose responses lack the headers for other origins.</summary>
    public static void UseClientScripts(this IApplicationBuilder app)
    {
        var scripts = app.ApplicationServices.GetRequiredService<ClientScripts>();
        app.Use((context, next) => scripts.TryAnswer(context, out var answered) ? answered : next(context));
    }

    public static void MapClientSnippets(this WebApplication app) =>
        app.MapGet("/notifier.json", static (ClientScripts scripts) => TypedResults.Json(scripts.Snippets, ClientJson.Default.IReadOnlyDictionaryStringClientScript))
            .WithSummary("The client's file names with a hash, and their integrity values")
            .ExcludeFromDescription();
}
